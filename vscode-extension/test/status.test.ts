import assert from "node:assert/strict";
import { test } from "node:test";
import { type State, statusFromServer, statusText } from "../src/status";

test("the state can be read in the text", () => {
  for (const state of ["starting", "ready", "thinking", "off", "problem"] satisfies State[]) {
    assert.match(statusText({ state, message: "" }).text, new RegExp(`^\\$\\([a-z~-]+\\) Tabwright: ${state}$`));
  }
  assert.match(statusText({ state: "silent", message: "" }).text, / Tabwright: off here$/);
});

test("the message is the tooltip; without one the state is explained", () => {
  assert.equal(statusText({ state: "silent", message: "No Fortran." }).tooltip, "No Fortran.\nClick for the menu.");
  assert.match(statusText({ state: "ready", message: "" }).tooltip, /^Code completion is ready\./);
});

test("only a problem is coloured", () => {
  assert.equal(statusText({ state: "problem", message: "" }).warn, true);
  assert.equal(statusText({ state: "off", message: "" }).warn, false);
});

test("a notification of the server becomes a status", () => {
  assert.deepEqual(statusFromServer({ state: "ready", message: "base" }), { state: "ready", message: "base" });
  assert.deepEqual(statusFromServer({ state: "starting" }), { state: "starting", message: "" });
});

test("anything else is ignored", () => {
  for (const params of [undefined, null, "ready", {}, { state: "off", message: "" }, { state: "thinking" }, { state: "asleep" }]) {
    assert.equal(statusFromServer(params), undefined);
  }
});
