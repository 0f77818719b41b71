// The licences of what the bundle carries: they ask to go along with every copy.
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/**
 * Return the licence texts of all packages that esbuild put into its output.
 *
 * Throws when a package has none, so that nothing is shipped without its terms.
 */
export async function licensesOf(metafiles, root) {
  const inputs = metafiles.flatMap((metafile) =>
    Object.values(metafile.outputs).flatMap((output) => Object.keys(output.inputs)),
  );
  const folders = inputs.flatMap((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path) ?? []);
  const parts = [];
  for (const folder of [...new Set(folders)].sort()) {
    const place = join(root, folder);
    const { name, version, license } = JSON.parse(
      await readFile(join(place, "package.json"), "utf8"),
    );
    const files = (await readdir(place)).filter((file) => /^licen[cs]e/i.test(file)).sort();
    if (files.length === 0) throw new Error(`${name} is bundled and has no licence file`);
    const texts = await Promise.all(files.map((file) => readFile(join(place, file), "utf8")));
    parts.push(`${name} ${version} (${license})\n\n${texts.join("\n\n").trim()}\n`);
  }
  return `The files beside this one contain the work of others:\n\n${parts.join(`\n${"-".repeat(72)}\n\n`)}`;
}
