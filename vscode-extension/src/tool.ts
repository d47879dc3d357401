// `tabwright` on the command line, for what the server does not answer. It runs from the installation that the server
// is from, in the extension's folder, and without what a workspace could have put in its way.

import { execFile } from "node:child_process";
import type { CancellationToken } from "vscode";
import { type ServerCommand, serverEnvironment, toolCommand } from "./command";
import { FailureError } from "./failure";

const LIMIT_MS = 60_000;

/** What `tabwright WHAT...` writes to its standard output. Throws FailureError, after a cancellation too. */
export function runTool(
  server: ServerCommand,
  what: readonly string[],
  cwd: string,
  token: CancellationToken,
): Promise<string> {
  const tool = toolCommand(server, what);
  if (tool === undefined) {
    throw new FailureError(
      `With this "tabwright.server.command" it is not known how to start \`tabwright ${what[0]}\`.`,
      ["openSettings", "showLog"],
    );
  }
  const aborted = new AbortController();
  token.onCancellationRequested(() => aborted.abort());
  const env = { ...serverEnvironment(process.env), PYTHONIOENCODING: "utf-8" };
  const options = { cwd, env, signal: aborted.signal, timeout: LIMIT_MS, maxBuffer: 1 << 24 };
  return new Promise((resolve, reject) => {
    execFile(tool.command, [...tool.args], options, (error, stdout, stderr) => {
      const said = (stderr.trim() || error?.message.trim() || "").split("\n").at(-1);
      if (error === null) resolve(stdout);
      else reject(new FailureError(`\`tabwright ${what[0]}\` failed: ${said}`, ["showLog"]));
    });
  });
}
