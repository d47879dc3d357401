// What a run in the real VS Code needs: the tools, what was built here, and a Python that has Tabwright.

import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { CannotBeHad, tools } from "./tools.mjs";

export const EXTENSION = resolve(import.meta.dirname, "..", "..");

/** All of it, `mayFetch` tells whether from a registry too; throws CannotBeHad with the reason to skip. */
export function inPlace(mayFetch = true) {
  const python = process.env.TABWRIGHT_PYTHON ?? resolve(EXTENSION, "..", ".venv", "bin", "python");
  if (!existsSync(python)) {
    throw new CannotBeHad(`there is no ${python}; TABWRIGHT_PYTHON names a Python that has Tabwright installed`);
  }
  // The Python that this environment was made from: it can make another, and does not have Tabwright.
  const base = ["-c", "import os, sys; print(os.path.realpath(sys._base_executable))"];
  const { version } = JSON.parse(readFileSync(join(EXTENSION, "package.json"), "utf8"));
  return {
    tools: tools(mayFetch),
    python,
    basePython: execFileSync(python, base, { encoding: "utf8" }).trim(),
    vsix: join(EXTENSION, "dist", `tabwright-${version}.vsix`),
    suites: join(EXTENSION, "dist", "test-vscode", "host.js"),
    fakeServer: resolve(EXTENSION, "..", "tests", "lsp_server", "data", "fake_server.py"),
  };
}
