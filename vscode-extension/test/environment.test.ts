import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Environment, InstallError } from "../src/environment";

// A Python that makes an environment with itself in it, writes down how it was called, and does `extra` before.
function machine(extra = "") {
  const root = mkdtempSync(join(tmpdir(), "environment-"));
  const [storage, server, python] = [join(root, "storage"), join(root, "server"), join(root, "python")];
  mkdirSync(server);
  mkdirSync(storage);
  writeFileSync(join(server, "tabwright-1.0-py3-none-any.whl"), "");
  const make = 'if [ "$3" = venv ]; then mkdir -p "$4/bin"; cp "$0" "$4/bin/python"; fi';
  writeFileSync(python, `#!/bin/sh\necho "$PYTHONPATH$*" >> "${join(root, "calls")}"\n${extra}\n${make}\n`);
  chmodSync(python, 0o755);
  const environment = new Environment(storage, server, "1.0");
  const calls = () => readFileSync(join(root, "calls"), "utf8").trim().split("\n");
  const steps: string[] = [];
  const create = (signal = new AbortController().signal) =>
    environment.create(python, (step) => steps.push(step), () => undefined, signal);
  return { environment, storage, server, steps, calls, create };
}

const skip = process.platform === "win32" ? "the stand-in is a shell script" : false;

test("an environment is made, gets the wheel with its runtime, is tried, and counts only then", { skip }, async () => {
  const { environment, storage, steps, calls, create } = machine();
  assert.equal(environment.python, undefined);
  await create();
  assert.equal(environment.python, join(storage, "server-1.0", "bin", "python"));
  assert.deepEqual(steps, ["Making an environment", "Installing the server", "Trying it"]);
  assert.match(calls()[0] ?? "", /^-I -m venv /);
  assert.match(calls()[1] ?? "", /^-I -m pip .*install .*tabwright-1\.0-py3-none-any\.whl\[cpu\]$/);
  assert.match(calls()[2] ?? "", /^-I -c import /);
});

test("a step that fails is named with the tool's last words, and nothing is left", { skip }, async () => {
  const { environment, storage, create } = machine('if [ "$3" = pip ]; then echo "ERROR: no network" >&2; exit 1; fi');
  await assert.rejects(
    () => create(),
    (error) => error instanceof InstallError && /^Installing the server failed: ERROR: no network/.test(error.message),
  );
  assert.deepEqual(readdirSync(storage), []);
  assert.equal(environment.python, undefined);
});

test("cancelled, it ends at once and leaves nothing", { skip }, async () => {
  const { storage, create } = machine('if [ "$3" = pip ]; then exec sleep 60; fi');
  const aborted = new AbortController();
  const made = create(aborted.signal);
  while (!existsSync(join(storage, "server-1.0", "bin", "python"))) await new Promise((done) => setTimeout(done, 20));
  aborted.abort();
  await assert.rejects(made);
  assert.deepEqual(readdirSync(storage), []);
});

test("one that was interrupted does not count, and the next attempt replaces it", { skip }, async () => {
  const { environment, storage, create } = machine();
  mkdirSync(join(storage, "server-1.0", "bin"), { recursive: true });
  writeFileSync(join(storage, "server-1.0", "half"), "");
  assert.equal(environment.python, undefined);
  await create();
  assert(!existsSync(join(storage, "server-1.0", "half")));
});

test("those of earlier versions go when a new one is whole, and nothing else", { skip }, async () => {
  const { storage, create } = machine();
  for (const name of ["server-0.9", "other"]) mkdirSync(join(storage, name));
  await create();
  assert.deepEqual(readdirSync(storage).toSorted(), ["other", "server-1.0"]);
});

test("the server of an earlier version is told from none at all", { skip }, async () => {
  const { storage, server, environment, create } = machine();
  assert.equal(environment.isOutdated, false);
  await create();
  assert.equal(environment.isOutdated, false);
  assert.equal(new Environment(storage, server, "1.1").isOutdated, true);
  assert.equal(new Environment(join(storage, "nowhere"), server, "1.1").isOutdated, false);
});

test("a build without the server says so", { skip }, async () => {
  const { environment } = machine();
  const none = new Environment("/nowhere", "/nowhere", "1.0");
  await assert.rejects(() => none.create("python", () => undefined, () => undefined, AbortSignal.abort()), InstallError);
  assert.notEqual(await environment.wheel(), undefined);
});
