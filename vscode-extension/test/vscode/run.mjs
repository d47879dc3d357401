// The extension in the real VS Code: `npm run test:vscode`, after the package and the in-host tests were built.
// Exit code 0: all passed, or skipped with the reason said; 1: something failed, and dist/test-vscode/kept/ has
// screenshots, the server's log and the LSP trace. With --must, what cannot be had is a failure too; with --no-fetch,
// nothing is fetched from a registry.
//
//     node test/vscode/run.mjs [--must] [--no-fetch] [--window NAME] [REGULAR EXPRESSION for the tests' names]

import { rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { EXTENSION, inPlace } from "./place.mjs";
import { CannotBeHad } from "./tools.mjs";
import { windows } from "./windows.mjs";

const KEPT = join(EXTENSION, "dist", "test-vscode", "kept");

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    must: { type: "boolean", default: false },
    "no-fetch": { type: "boolean", default: false },
    window: { type: "string", default: "" },
  },
});

for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));

let found;
try {
  found = inPlace(!values["no-fetch"]);
} catch (error) {
  if (!(error instanceof CannotBeHad)) throw error;
  console.log(`skipped: ${error.message}`);
  process.exit(values.must ? 1 : 0);
}

rmSync(KEPT, { recursive: true, force: true });
const counts = { passed: 0, failed: 0 };
const report = ({ name, error }) => {
  counts[error === undefined ? "passed" : "failed"]++;
  console.log(error === undefined ? `  ok    ${name}` : `  FAIL  ${name}\n${error.replace(/^/gm, "          ")}`);
};
const common = { ...found, only: positionals.join(" "), kept: KEPT, report };
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
