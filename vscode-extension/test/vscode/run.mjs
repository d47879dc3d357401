// The extension in the real VS Code: `npm run test:vscode`, after the package and the in-host tests were built.
// Exit code 0: all passed, or skipped with the reason said; 1: something failed, and dist/test-vscode/kept/ has
// screenshots, the server's log and the LSP trace. With --must, what cannot be had is a failure too.
//
//     node test/vscode/run.mjs [--must] [--window NAME] [REGULAR EXPRESSION for the tests' names]

import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { CannotBeHad, tools } from "./tools.mjs";
import { windows } from "./windows.mjs";

const EXTENSION = resolve(import.meta.dirname, "..", "..");
const KEPT = join(EXTENSION, "dist", "test-vscode", "kept");

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { must: { type: "boolean", default: false }, window: { type: "string", default: "" } },
});

for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));

function skip(why) {
  console.log(`skipped: ${why}`);
  process.exit(values.must ? 1 : 0);
}

const python = process.env.TABWRIGHT_PYTHON ?? resolve(EXTENSION, "..", ".venv", "bin", "python");
if (!existsSync(python)) skip(`there is no ${python}; TABWRIGHT_PYTHON names a Python that has Tabwright installed`);
// The Python that this environment was made from: it can make another, and does not have Tabwright.
const base = ["-c", "import os, sys; print(os.path.realpath(sys._base_executable))"];
const basePython = execFileSync(python, base, { encoding: "utf8" }).trim();
let found;
try {
  found = tools();
} catch (error) {
  if (!(error instanceof CannotBeHad)) throw error;
  skip(error.message);
}

const { version } = JSON.parse(readFileSync(join(EXTENSION, "package.json"), "utf8"));
rmSync(KEPT, { recursive: true, force: true });
const counts = { passed: 0, failed: 0 };
const report = ({ name, error }) => {
  counts[error === undefined ? "passed" : "failed"]++;
  console.log(error === undefined ? `  ok    ${name}` : `  FAIL  ${name}\n${error.replace(/^/gm, "          ")}`);
};
const common = {
  tools: found,
  python,
  basePython,
  only: positionals.join(" "),
  vsix: join(EXTENSION, "dist", `tabwright-${version}.vsix`),
  suites: join(EXTENSION, "dist", "test-vscode", "host.js"),
  fakeServer: resolve(EXTENSION, "..", "tests", "lsp_server", "data", "fake_server.py"),
  kept: KEPT,
  report,
};
for (const [name, run] of Object.entries(windows)) {
  if (!name.includes(values.window)) continue;
  console.log(name);
  const start = Date.now();
  try {
    await run(common);
  } catch (error) {
    report({ name: `the window "${name}" works`, error: error.stack });
  }
  console.log(`  ${((Date.now() - start) / 1000).toFixed(0)} s`);
}
console.log(`${counts.passed} passed, ${counts.failed} failed${counts.failed > 0 ? `; see ${KEPT}` : ""}`);
process.exit(counts.failed > 0 || counts.passed === 0 ? 1 : 0);
