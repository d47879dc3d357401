// The real machine, for command.ts. Kept apart so that command.ts itself touches no disk.

import { accessSync, constants, statSync } from "node:fs";
import { homedir } from "node:os";
import type { Machine } from "./command";

export function thisMachine(): Machine {
  return {
    platform: process.platform,
    home: homedir(),
    searchPath: process.env["PATH"] ?? "", // on Windows process.env ignores case
    isExecutable,
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
