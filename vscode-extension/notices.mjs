// The licences of the packages inside the bundle: they ask to travel with their code, and the bundle has no
// node_modules that could hold them. Which packages those are is read from esbuild's own account of what it took in.
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
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
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  if (file === undefined || !existsSync(join(folder, file))) {
    throw new Error(`${name} ${version} is in the bundle but has no licence file`);
  }
  return `${name} ${version} (${license})\n\n${readFileSync(join(folder, file), "utf8").trim()}\n`;
}
