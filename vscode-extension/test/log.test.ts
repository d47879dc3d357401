import assert from "node:assert/strict";
import { once } from "node:events";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { levelOf, ServerLog } from "../src/log";

test("Python's levels become the channel's", () => {
  assert.equal(levelOf("CRITICAL:lsp_server:no"), "error");
  assert.equal(levelOf("2030-01-01 ERROR lsp_server: no"), "error");
  assert.equal(levelOf("WARNING lsp_server: hm"), "warn");
  assert.equal(levelOf("DEBUG lsp_server: yes"), "info");
  assert.equal(levelOf("plain words"), "info");
});

test("lines are passed on, and the last twenty are kept", async () => {
  const seen: string[] = [];
  const write = (line: string) => seen.push(line);
  const stream = new PassThrough();
  const log = new ServerLog();
  log.follow(stream, { error: write, warn: write, info: write });
  stream.end(Array.from({ length: 30 }, (_, i) => `line ${i}\n`).join(""));
  await once(stream, "close");
  assert.equal(seen.length, 30);
  assert.equal(log.lastLines.length, 20);
  assert.equal(log.lastLines.at(-1), "line 29");
});
