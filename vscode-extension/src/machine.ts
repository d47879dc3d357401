// The real machine, for command.ts. Kept apart so that command.ts itself touches no disk and starts no process.

import { execFile } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { type Machine, type Python, serverEnvironment } from "./command";

const PROBE_MS = 10_000;
const PROBE = `import importlib.util as u, json, sys
has = lambda *names: all(u.find_spec(name) for name in names)
print(json.dumps({"version": sys.version_info[:3], "hasTabwright": has("tabwright", "lsp_server"),
                  "hasVenv": has("venv", "ensurepip")}))`;

export function thisMachine(): Machine {
  return {
    platform: process.platform,
    home: homedir(),
    searchPath: process.env["PATH"] ?? "", // on Windows process.env ignores case
    isExecutable,
    probe,
  };
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK); // on Windows: it exists
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

function probe(python: string): Promise<Python | undefined> {
  const options = { cwd: tmpdir(), env: serverEnvironment(process.env), timeout: PROBE_MS };
  return new Promise((resolve) => {
    execFile(python, ["-I", "-c", PROBE], options, (error, stdout) => {
      try {
        resolve(error === null ? (JSON.parse(stdout) as Python) : undefined);
      } catch {
        resolve(undefined); // whatever it is, it is no Python
      }
    });
  });
}
