import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, realpathSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { isBelow } from "../src/below";

test("a file of the workspace is below it, under every name that links give it", () => {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "below-")));
  const workspace = join(root, "ws");
  mkdirSync(join(workspace, ".venv", "bin"), { recursive: true });
  mkdirSync(join(root, "outside"));
  writeFileSync(join(root, "outside", "python"), "");
  writeFileSync(join(workspace, "python"), "");
  symlinkSync(join(root, "outside", "python"), join(workspace, ".venv", "bin", "python"));
  symlinkSync(join(workspace, ".venv"), join(root, "linked"));
  symlinkSync(join(workspace, "python"), join(root, "outside", "python4"));
  const below = (file: string) => isBelow(file, workspace);
  assert.equal(below(join(workspace, ".venv", "bin", "python")), true, "a link out of it is its own");
  assert.equal(below(join(root, "linked", "bin", "python")), true, "a folder that leads into it");
  assert.equal(below(join(root, "outside", "python4")), true, "a link to a file in it");
  assert.equal(below(join(root, "outside", "python")), false);
  assert.equal(below(join(root, "ws-2", "python")), false, "a name that only begins alike");
  assert.equal(below("bin/python"), true, "nobody knows where");
});
