import assert from "node:assert/strict";
import { test } from "node:test";
import { explainFailure } from "../src/failure";

test("a Python without Tabwright: it can be installed", () => {
  const { message, remedies } = explainFailure("", ["/usr/bin/python3: No module named lsp_server"]);
  assert.match(message, /does not have Tabwright/);
  assert.equal(remedies[0], "install");
});

test("an installation that lacks a part", () => {
  const traceback = ["Traceback (most recent call last):", "ModuleNotFoundError: No module named 'onnxruntime'"];
  assert.match(explainFailure("", traceback).message, /"onnxruntime" is missing/);
});

test("a Python that cannot read the server's source is too old: another can be chosen", () => {
  const { message, remedies } = explainFailure("", ['  File "lsp_server/server.py", line 3', "SyntaxError: invalid"]);
  assert.match(message, /too old.*3\.11/);
  assert.equal(remedies[0], "choosePython");
});

test("the server's last words, without what it logged while all was well", () => {
  const lines = ["RuntimeError: the model is torn", "", "2030-01-01 12:00:00 INFO lsp_server: bye"];
  assert.equal(explainFailure("", lines).message, "The completion server stopped: RuntimeError: the model is torn");
});

test("without any, the reason seen from outside", () => {
  const { message } = explainFailure("It stopped before it answered.", ["INFO hello"]);
  assert.equal(message, "The completion server is not running. It stopped before it answered.");
});

test("every failure offers the log, and something besides", () => {
  for (const lines of [[], ["No module named lsp_server"], ["No module named 'x'"], ["SyntaxError"], ["Boom"]]) {
    const { remedies } = explainFailure("", lines);
    assert(remedies.includes("showLog") && remedies.length > 1);
  }
});
