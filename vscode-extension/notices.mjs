// The licences of the packages inside the bundle: they ask to travel with their code, and the bundle has no
// node_modules that could hold them. Which packages those are is read from esbuild's own account of what it took in.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * @param {import("esbuild").Metafile} metafile
 * @param {string} outfile
 */
export function writeNotices(metafile, outfile) {
  const folders = new Set();
  for (const input of Object.keys(metafile.inputs)) {
    const folder = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input)?.[0];
    if (folder !== undefined) folders.add(folder);
  }
  const notices = [...folders].sort().map(notice);
  writeFileSync(outfile, ["Tabwright contains these packages.\n", ...notices].join(`\n${"-".repeat(80)}\n\n`));
}

/** @param {string} folder */
function notice(folder) {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const files = readdirSync(folder).sort(); // sorted: the same text whatever order the file system gives
  if (!files.some((file) => /^(?:licen[cs]e|copying)/i.test(file))) {
    throw new Error(`${name} ${version} is in the bundle but has no licence file`);
  }
  const texts = files
    .filter((file) => /^(?:licen[cs]e|copying|notice|third-?party)/i.test(file))
    .map((file) => readFileSync(join(folder, file), "utf8").trim());
  return [`${name} ${version} (${license})`, ...texts].join("\n\n") + "\n";
}
