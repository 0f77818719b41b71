// Bundle the front end into dispatch_nb/static: the widget as one ES module and one style sheet,
// the typesetter of formulas, which a page asks for when it meets one, the list of a store, and
// the figures of usage.
// `node build.mjs --watch` rebuilds on every edit (development only: not minified).
import { readFile, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import * as esbuild from "esbuild";
import { licensesOf } from "./licenses.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const target = join(here, "..", "dispatch_nb", "static");
const watch = process.argv.includes("--watch");

/** A bundle carries those definitions of the wire only that its parsers lead to. */
const leanSchema = (inputs) => ({
  name: "lean-schema",
  setup(build) {
    build.onLoad({ filter: /wire[\\/]schema\.json$/ }, async ({ path }) => {
      const schema = JSON.parse(await readFile(path, "utf8"));
      const parsers = await readFile(join(here, "src/wire/parse.ts"), "utf8");
      const used = await usedParsers(inputs);
      const names = [...parsers.matchAll(/const (\w+) = parserOf<\w+>\(\s*"(\w+)"/g)];
      const waiting = names.filter(([, parser]) => used.has(parser)).map(([, , name]) => name);
      const kept = {};
      for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
        if (name in kept) continue;
        kept[name] = schema.$defs[name];
        const references = JSON.stringify(kept[name]).matchAll(/#\/\$defs\/(\w+)/g);
        waiting.push(...Array.from(references, ([, referred]) => referred));
      }
      return { contents: asModule(JSON.stringify({ $defs: kept })), loader: "js" };
    });
  },
});

/** Return a module with a schema, in which each simple type is written once. */
function asModule(schema) {
  const types = ["string", "integer", "number", "boolean", "null"];
  const named = types.map((type) => `const ${type}_ = ${JSON.stringify({ type })};`);
  const short = schema.replaceAll(
    /\{"type":"(string|integer|number|boolean|null)"\}/g,
    (_, type) => `${type}_`,
  );
  return `${named.join("\n")}\nexport default ${short};`;
}

/** What of markdown-it does nothing under the options of the parser: raw HTML, quotes, links. */
const leanRules = {
  name: "lean-rules",
  setup(build) {
    const unused =
      /markdown-it[\\/]lib[\\/](presets[\\/](zero|commonmark)|rules_(core[\\/](smartquotes|replacements|linkify)|inline[\\/](linkify|html_inline)|block[\\/]html_block))\.mjs$/;
    build.onLoad({ filter: unused }, () => ({ contents: "export default () => false;" }));
  },
};

/** Return the names of the parsers that sources of a bundle import. */
async function usedParsers(inputs) {
  const used = new Set();
  for (const name of inputs) {
    if (!/^src[\\/](?!wire[\\/]).*\.ts$/.test(name)) continue;
    const source = await readFile(join(here, name), "utf8");
    const imports = /import \{([^}]*)\} from "[./]*wire\/parse"/.exec(source)?.[1] ?? "";
    for (const [parser] of imports.matchAll(/\w+/g)) used.add(parser);
  }
  return used;
}

/** Bundle one module: once to see what is in it, and then with no more than that needs. */
async function bundle([name, source]) {
  const own = { ...options, entryPoints: { [name]: source } };
  const { metafile } = await esbuild.build({ ...own, write: false });
  const inputs = Object.values(metafile.outputs).flatMap((output) => Object.keys(output.inputs));
  return esbuild.build({ ...own, plugins: [...options.plugins, leanSchema(inputs)] });
}

const options = {
  absWorkingDir: here,
  entryPoints: {
    widget: "src/widget.ts",
    typeset: "src/typeset.ts",
    library: "src/library/widget.ts",
    usage: "src/usage/widget.ts",
  },
  outdir: target,
  bundle: true,
  format: "esm",
  target: "es2022",
  charset: "utf8",
  legalComments: "none",
  loader: { ".svg": "text" },
  // What markdown-it brings along and browsers have, or we do not use: 45 kB.
  alias: {
    entities: "./src/lean/entities.ts",
    "linkify-it": "./src/lean/linkify-it.ts",
    "uc.micro": "./src/lean/uc-micro.ts",
  },
  plugins: [leanRules],
  minify: !watch,
  sourcemap: watch ? "inline" : false,
  metafile: true,
  logLevel: "warning",
};
const styles = { ...options, entryPoints: { widget: "src/styles.css" } };

if (watch) {
  const contexts = await Promise.all([options, styles].map((each) => esbuild.context(each)));
  await Promise.all(contexts.map((context) => context.watch()));
  console.log(`watching src, writing to ${relative(process.cwd(), target)}`);
} else {
  let built;
  try {
    const modules = Object.entries(options.entryPoints).map(bundle);
    built = await Promise.all([...modules, esbuild.build(styles)]);
  } catch {
    // esbuild has already printed each error with its place.
    process.exit(1);
  }
  const metafiles = built.map(({ metafile }) => metafile);
  await writeFile(join(target, "LICENSES.txt"), await licensesOf(metafiles, here));
  for (const name of ["widget.js", "typeset.js", "library.js", "usage.js", "widget.css"]) {
    const content = await readFile(join(target, name));
    const kilobytes = (bytes) => (bytes / 1000).toFixed(1).padStart(7);
    console.log(
      `${name.padEnd(11)}${kilobytes(content.length)} kB${kilobytes(gzipSync(content).length)} kB gzip`,
    );
  }
}
