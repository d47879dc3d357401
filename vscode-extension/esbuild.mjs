// Builds the extension, or with --tests its unit tests, or with --host-tests those that run inside the editor, into
// dist/. Each is one CommonJS file with everything in it, so that the package needs no node_modules.
import { readdirSync, rmSync } from "node:fs";
import * as esbuild from "esbuild";
import { writeNotices } from "./notices.mjs";

const watch = process.argv.includes("--watch");
const tests = process.argv.includes("--tests");
const hostTests = process.argv.includes("--host-tests");

/** @type {import("esbuild").BuildOptions} */
const shared = {
  bundle: true,
  platform: "node",
  format: "cjs",
  target: "node20",
  external: ["vscode"], // exists only inside the editor
  logLevel: "warning",
};

if (tests) {
  rmSync("dist/test", { recursive: true, force: true }); // a deleted test must not run again
  await esbuild.build({
    ...shared,
    entryPoints: readdirSync("test")
      .filter((name) => name.endsWith(".test.ts"))
      .map((name) => `test/${name}`),
    outdir: "dist/test",
    sourcemap: "inline",
  });
} else if (hostTests) {
  await esbuild.build({
    ...shared,
    entryPoints: ["test/vscode/host.ts"],
    outfile: "dist/test-vscode/host.js",
    sourcemap: "inline",
  });
} else {
  const options = {
    ...shared,
    entryPoints: ["src/extension.ts"],
    outfile: "dist/extension.js",
    metafile: true,
    minify: !watch,
    sourcemap: watch ? "linked" : false,
  };
  if (watch) {
    await (await esbuild.context(options)).watch();
  } else {
    const { metafile } = await esbuild.build(options);
    writeNotices(metafile, "dist/third-party-notices.txt");
  }
}
