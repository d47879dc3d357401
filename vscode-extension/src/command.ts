// Which command starts the server. Decided by the machine alone, its settings, its PATH and what is installed on it:
// nothing that a workspace holds (its settings, its files, the folder it lies in) can choose what is run.

import * as path from "node:path";
import { FailureError, OLDEST_PYTHON, type Remedy } from "./failure";
import { expandHome } from "./settings";

/** What has to be known about this machine; tests bring their own. */
export interface Machine {
  readonly platform: NodeJS.Platform;
  readonly home: string;
  readonly searchPath: string;
  isExecutable(file: string): boolean;
  /** What a Python says of itself; undefined if it is none that works. Runs it, apart from any workspace. */
  probe(python: string): Promise<Python | undefined>;
}

export interface Python {
  readonly version: readonly number[];
  /** Tabwright is installed in it. */
  readonly hasTabwright: boolean;
  /** It can make environments (Debian packs that apart). */
  readonly hasVenv: boolean;
}

/** The two machine-scoped settings, as the user wrote them. */
export interface CommandSettings {
  readonly command: readonly string[];
  readonly python: string;
}

/** Pythons besides the machine's own. */
export interface KnownPythons {
  /** That of the extension's own environment (environment.ts), once it is there. */
  readonly own?: string | undefined;
  /** It is not there, but was, for an earlier version of the extension. */
  readonly isOutdated?: boolean;
  /** Asks for the one chosen in the Python extension (pythonExtension.ts); that takes a moment. */
  chosen?(): Promise<string | undefined>;
}

export interface ServerCommand {
  readonly command: string;
  readonly args: readonly string[];
}

/** No server can be started; the message says which setting or installation is missing. */
export class NoServerError extends FailureError {
  constructor(message: string, remedies: readonly Remedy[] = ["openSettings", "showLog"]) {
    super(message, remedies);
  }
}

// -I (isolated) is not optional. With a plain -m, Python looks for modules in the current folder and on PYTHONPATH
// first, and a project that has its own `model` folder would be imported in place of the server's.
const AS_MODULE = ["-I", "-m", "lsp_server"] as const;

/** The command for these settings; throws NoServerError if there is none. */
export async function resolveCommand(
  settings: CommandSettings,
  machine: Machine,
  known: KnownPythons = {},
): Promise<ServerCommand> {
  const [first, ...rest] = settings.command;
  if (first !== undefined && first !== "") {
    return { command: named(first, "tabwright.server.command", machine), args: rest };
  }
  if (settings.python !== "") {
    return { command: named(settings.python, "tabwright.server.python", machine), args: AS_MODULE };
  }
  if (known.own !== undefined && machine.isExecutable(known.own)) return { command: known.own, args: AS_MODULE };
  const script = onPath("tabwright", machine);
  if (script !== undefined) return { command: script, args: ["serve"] };

  let newest: Python | undefined;
  for (const file of await pythons(machine, known)) {
    const python = await machine.probe(file);
    if (python?.hasTabwright === true) return { command: file, args: AS_MODULE };
    if (python !== undefined && (newest === undefined || isOlder(newest.version, python.version))) newest = python;
  }
  throw noServer(newest?.version, known.isOutdated);
}

/** A Python that an environment can be made from; throws NoServerError if there is none. */
export async function resolveBase(python: string, machine: Machine, known: KnownPythons = {}): Promise<string> {
  const candidates = python === "" ? await pythons(machine, known) : [named(python, "tabwright.server.python", machine)];
  let newest: readonly number[] | undefined;
  let lacksVenv: string | undefined;
  for (const file of candidates) {
    const found = await machine.probe(file);
    if (found === undefined) continue;
    if (newest === undefined || isOlder(newest, found.version)) newest = found.version;
    if (isOlder(found.version, OLDEST_PYTHON)) continue;
    if (found.hasVenv) return file;
    lacksVenv ??= file;
  }
  if (lacksVenv !== undefined) {
    throw new NoServerError(
      `${lacksVenv} cannot make environments: its modules venv and ensurepip are missing (on Debian and Ubuntu, ` +
        "install the package python3-venv).",
      ["install", "choosePython", "showLog"],
    );
  }
  throw noServer(newest);
}

/** `tabwright WHAT...` from the same installation as a server's command; undefined if that command is a stranger. */
export function toolCommand({ command, args }: ServerCommand, what: readonly string[]): ServerCommand | undefined {
  if (args.at(-1) === "serve") return { command, args: [...args.slice(0, -1), ...what] };
  const module = args.indexOf("lsp_server");
  if (module < 1 || args[module - 1] !== "-m") return undefined;
  return { command, args: [...args.slice(0, module), "tabwright", ...what] };
}

/** The environment of the server: PYTHONPATH would undo for the console script what -I does for the module. */
export function serverEnvironment(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(environment).filter(([name]) => !["PYTHONPATH", "PYTHONHOME"].includes(name.toUpperCase())),
  );
}

export function isOlder(version: readonly number[], other: readonly number[]): boolean {
  for (const [index, number] of other.entries()) {
    const mine = version[index] ?? 0;
    if (mine !== number) return mine < number;
  }
  return false;
}

function noServer(newest: readonly number[] | undefined, isOutdated = false): NoServerError {
  const oldest = OLDEST_PYTHON.join(".");
  if (newest === undefined) {
    return new NoServerError(`No Python was found. Tabwright needs Python ${oldest} or newer.`, [
      "getPython",
      "choosePython",
      "showLog",
    ]);
  }
  if (isOlder(newest, OLDEST_PYTHON)) {
    return new NoServerError(
      `The newest Python that was found is ${newest.join(".")}. Tabwright needs ${oldest} or newer.`,
      ["getPython", "choosePython", "showLog"],
    );
  }
  const message = isOutdated
    ? "The extension was updated, and comes with a newer completion server, which is not installed yet."
    : "The completion server is not installed on this machine yet.";
  return new NoServerError(message, ["install", "choosePython", "showLog"]);
}

/** The Pythons to look at, the likeliest first. */
async function pythons(machine: Machine, known: KnownPythons): Promise<string[]> {
  // On Windows `python3` may be the store's placeholder, which opens a shop window; `py` is the real launcher.
  const names = machine.platform === "win32" ? ["py", "python"] : ["python3", "python", ...NEWER_PYTHONS];
  const found = [await known.chosen?.(), ...names.map((name) => onPath(name, machine))];
  return [...new Set(found.filter((file) => file !== undefined))];
}

const NEWER_PYTHONS = ["python3.14", "python3.13", "python3.12", "python3.11"] as const;

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
