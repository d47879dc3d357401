import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { CancellationToken } from "vscode";
import { FailureError } from "../src/failure";
import { runTool } from "../src/tool";

const NEVER = { isCancellationRequested: false, onCancellationRequested: () => ({ dispose: () => undefined }) };
const run = (script: string, ...what: string[]) => {
  const folder = mkdtempSync(join(tmpdir(), "tool-"));
  const file = join(folder, "tabwright");
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
  const done = runTool({ command: file, args: ["serve"] }, what, folder, NEVER as unknown as CancellationToken);
  return done.finally(() => rmSync(folder, { recursive: true }));
};

test("what it writes is the answer", { skip: process.platform === "win32" }, async () => {
  assert.equal(await run('echo "$@"', "stats", "--days", "30"), "stats --days 30\n");
});

test("what goes wrong is said with its last words and a way on", { skip: process.platform === "win32" }, async () => {
  const failed = run("echo one >&2; echo the disk is full >&2; exit 1", "stats");
  await assert.rejects(failed, (error) => {
    assert(error instanceof FailureError);
    assert.equal(error.message, "`tabwright stats` failed: the disk is full");
    return error.remedies.length > 0;
  });
});

test("a server's command that is a stranger's is said, and the setting is offered", async () => {
  const stranger = { command: "/bin/sh", args: ["serve.sh"] };
  const ask = async () => runTool(stranger, ["stats"], "/", NEVER as unknown as CancellationToken);
  await assert.rejects(ask, (error) => {
    assert(error instanceof FailureError);
    assert.match(error.message, /"tabwright\.server\.command".*`tabwright stats`/);
    return error.remedies.includes("openSettings");
  });
});
