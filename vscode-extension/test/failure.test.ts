import assert from "node:assert/strict";
import { test } from "node:test";
import { explainFailure } from "../src/failure";

test("a Python without Tabwright", () => {
  assert.match(explainFailure("", ["/usr/bin/python3: No module named lsp_server"]), /lacks Tabwright/);
});

test("an installation that lacks a part", () => {
  const traceback = ["Traceback (most recent call last):", "ModuleNotFoundError: No module named 'onnxruntime'"];
  assert.match(explainFailure("", traceback), /"onnxruntime" is missing/);
});

test("the server's last words, without what it logged while all was well", () => {
  const lines = ["RuntimeError: the model is torn", "", "2030-01-01 12:00:00 INFO lsp_server: bye"];
  assert.equal(explainFailure("", lines), "The completion server stopped: RuntimeError: the model is torn");
});

test("without any, the reason seen from outside", () => {
  const said = explainFailure("It stopped before it answered.", ["INFO hello"]);
  assert.equal(said, "The completion server is not running. It stopped before it answered.");
});
