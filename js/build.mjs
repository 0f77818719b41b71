// Bundle the front end into dispatch_nb/static: the widget as one ES module and one style sheet,
// the typesetter of formulas, which a page asks for when it meets one, and the list of a store.
// `node build.mjs --watch` rebuilds on every edit (development only: not minified).
import { readFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import * as esbuild from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const target = join(here, "..", "dispatch_nb", "static");
const watch = process.argv.includes("--watch");

const options = {
  absWorkingDir: here,
  entryPoints: {
    widget: "src/widget.ts",
    typeset: "src/typeset.ts",
    library: "src/library/widget.ts",
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
  minify: !watch,
  sourcemap: watch ? "inline" : false,
  logLevel: "warning",
};
const styles = { ...options, entryPoints: { widget: "src/styles.css" } };

if (watch) {
  const contexts = await Promise.all([options, styles].map((each) => esbuild.context(each)));
  await Promise.all(contexts.map((context) => context.watch()));
  console.log(`watching src, writing to ${relative(process.cwd(), target)}`);
} else {
  try {
    await Promise.all([esbuild.build(options), esbuild.build(styles)]);
  } catch {
    // esbuild has already printed each error with its place.
    process.exit(1);
  }
  for (const name of ["widget.js", "typeset.js", "library.js", "widget.css"]) {
    const content = await readFile(join(target, name));
    const kilobytes = (bytes) => (bytes / 1000).toFixed(1).padStart(7);
    console.log(
      `${name.padEnd(11)}${kilobytes(content.length)} kB${kilobytes(gzipSync(content).length)} kB gzip`,
    );
  }
}
