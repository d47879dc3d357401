// A Python environment of the extension's own, with the server that the .vsix carries. It is made when the user asks
// for it, in the extension's storage, and counts as there only when it is whole.

import { execFile } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { serverEnvironment } from "./command";

const WHOLE = "tabwright-is-whole"; // a file that is written last
const LAST_LINES = 3;

/** The installation did not work; the message says which step, and what the tool said. */
export class InstallError extends Error {}

export class Environment {
  /** `storage` is the extension's folder, `server` the folder in the extension that holds the wheel. */
  constructor(
    private readonly storage: string,
    private readonly server: string,
    private readonly version: string,
  ) {}

  /** Its Python, if it is there. */
  get python(): string | undefined {
    return existsSync(join(this.folder, WHOLE)) ? this.pythonFile : undefined;
  }

  /** An earlier version of the extension had one: this one comes with another server. */
  get isOutdated(): boolean {
    if (this.python !== undefined || !existsSync(this.storage)) return false;
    return readdirSync(this.storage).some((entry) => existsSync(join(this.storage, entry, WHOLE)));
  }

  /** The wheel to install, if this build of the extension carries one. */
  async wheel(): Promise<string | undefined> {
    const files = await readdir(this.server).catch(() => []);
    const name = files.find((file) => file.endsWith(".whl"));
    return name === undefined ? undefined : join(this.server, name);
  }

  /** Makes it with `base`, telling each step. Cancelled or failed, it leaves nothing behind; throws InstallError. */
  async create(base: string, tell: (step: string) => void, log: (line: string) => void, signal: AbortSignal) {
    const wheel = await this.wheel();
    if (wheel === undefined) throw new InstallError("This build of the extension does not carry the server.");
    const run = (what: string, program: string, ...args: string[]) => {
      tell(what);
      log(`${what}: ${[program, ...args].join(" ")}`);
      return execute(what, program, args, { cwd: this.storage, log, signal });
    };
    await this.remove();
    await mkdir(this.storage, { recursive: true });
    try {
      await run("Making an environment", base, "-I", "-m", "venv", this.folder);
      const pip = ["-I", "-m", "pip", "--disable-pip-version-check", "--no-input", "install"];
      await run("Installing the server", this.pythonFile, ...pip, `${wheel}[cpu]`);
      await run("Trying it", this.pythonFile, "-I", "-c", "import lsp_server.server, onnxruntime");
      await writeFile(join(this.folder, WHOLE), "");
    } catch (error) {
      await this.remove();
      throw error;
    }
    await this.removeOthers();
  }

  remove(): Promise<void> {
    return rm(this.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }

  private get folder(): string {
    return join(this.storage, `server-${this.version}`);
  }

  private get pythonFile(): string {
    return process.platform === "win32"
      ? join(this.folder, "Scripts", "python.exe")
      : join(this.folder, "bin", "python");
  }

  /** Those of earlier versions of the extension. */
  private async removeOthers(): Promise<void> {
    for (const entry of await readdir(this.storage)) {
      const folder = join(this.storage, entry);
      if (entry.startsWith("server-") && folder !== this.folder) await rm(folder, { recursive: true, force: true });
    }
  }
}

interface Execution {
  readonly cwd: string;
  readonly signal: AbortSignal;
  log(line: string): void;
}

function execute(what: string, program: string, args: readonly string[], { cwd, log, signal }: Execution) {
  const options = { cwd, env: serverEnvironment(process.env), signal, maxBuffer: 1 << 26 };
  return new Promise<void>((resolve, reject) => {
    execFile(program, args, options, (error, stdout, stderr) => {
      const lines = `${stdout}\n${stderr}`.split(/\r?\n/).filter((line) => line.trim() !== "");
      for (const line of lines) log(line);
      if (error === null) resolve();
      else if (signal.aborted) reject(error);
      else reject(new InstallError(`${what} failed: ${lines.slice(-LAST_LINES).join(" ") || error.message}`));
    });
  });
}
