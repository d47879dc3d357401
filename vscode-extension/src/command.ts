// Which command starts the server. Decided by the machine's settings and PATH alone: nothing that a workspace holds
// (its settings, its files, the folder it lies in) can choose what is run.

import * as path from "node:path";
import { expandHome } from "./settings";

/** What has to be known about this machine; tests bring their own. */
export interface Machine {
  readonly platform: NodeJS.Platform;
  readonly home: string;
  readonly searchPath: string;
  isExecutable(file: string): boolean;
}

/** The two machine-scoped settings, as the user wrote them. */
export interface CommandSettings {
  readonly command: readonly string[];
  readonly python: string;
}

export interface ServerCommand {
  readonly command: string;
  readonly args: readonly string[];
}

/** No server can be started; the message says which setting or installation is missing. */
export class NoServerError extends Error {}

// -I (isolated) is not optional. With a plain -m, Python looks for modules in the current folder and on PYTHONPATH
// first, and a project that has its own `model` folder would be imported in place of the server's.
const AS_MODULE = ["-I", "-m", "lsp_server"] as const;

/** The command for these settings; throws NoServerError if there is none. */
export function resolveCommand(settings: CommandSettings, machine: Machine): ServerCommand {
  const [first, ...rest] = settings.command;
  if (first !== undefined && first !== "") {
    return { command: named(first, "tabwright.server.command", machine), args: rest };
  }
  if (settings.python !== "") {
    return { command: named(settings.python, "tabwright.server.python", machine), args: AS_MODULE };
  }
  const script = onPath("tabwright", machine);
  if (script !== undefined) return { command: script, args: ["serve"] };

  // On Windows `python3` may be the store's placeholder, which opens a shop window; `py` is the real launcher.
  for (const name of machine.platform === "win32" ? ["py", "python"] : ["python3", "python"]) {
    const python = onPath(name, machine);
    if (python !== undefined) return { command: python, args: AS_MODULE };
  }
  throw new NoServerError(
    "Neither Tabwright nor Python is on the PATH. Install Tabwright, or set \"tabwright.server.python\".",
  );
}

/** The environment of the server: PYTHONPATH would undo for the console script what -I does for the module. */
export function serverEnvironment(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(environment).filter(([name]) => !["PYTHONPATH", "PYTHONHOME"].includes(name.toUpperCase())),
  );
}

/** A program that a setting names: an absolute path, or a bare name to be looked up on the PATH. */
function named(program: string, setting: string, machine: Machine): string {
  const expanded = expandHome(program, machine.home);
  if (paths(machine).isAbsolute(expanded)) {
    if (isProgram(expanded, machine)) return expanded;
    throw new NoServerError(`"${setting}" names ${expanded}, which is not an executable file.`);
  }
  if (/[/\\]/.test(expanded)) {
    // Relative to what? The only candidate is the workspace, which must not choose programs.
    throw new NoServerError(`"${setting}" must name an absolute path or a program on the PATH, not ${expanded}.`);
  }
  const found = onPath(expanded, machine);
  if (found !== undefined) return found;
  throw new NoServerError(`"${setting}" names ${expanded}, which is not on the PATH.`);
}

function onPath(name: string, machine: Machine): string | undefined {
  const { delimiter, isAbsolute, join } = paths(machine);
  // Only programs: since Node 20.12 a .cmd or .bat file cannot be started without a shell.
  const file = machine.platform === "win32" && !/\.(exe|com)$/i.test(name) ? `${name}.exe` : name;
  for (const folder of machine.searchPath.split(delimiter)) {
    // "." and the empty entry mean the current folder, which may be the workspace.
    if (isAbsolute(folder) && machine.isExecutable(join(folder, file))) return join(folder, file);
  }
  return undefined;
}

function isProgram(file: string, machine: Machine): boolean {
  return machine.isExecutable(file) && !(machine.platform === "win32" && /\.(cmd|bat)$/i.test(file));
}

function paths(machine: Machine): path.PlatformPath {
  return machine.platform === "win32" ? path.win32 : path.posix;
}
