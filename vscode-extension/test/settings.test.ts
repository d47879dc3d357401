import assert from "node:assert/strict";
import { test } from "node:test";
import manifest from "../package.json";
import { expandHome, SERVER_SETTINGS, serverSettings } from "../src/settings";

const properties: Record<string, { default: unknown }> = manifest.contributes.configuration.properties;
const declared = (key: string) => properties[`tabwright.${key}`]?.default;

test("the server is sent its own keys, with the defaults of package.json, and nothing else", () => {
  assert.deepEqual(serverSettings(declared, "/home/ada"), {
    enable: true,
    triggerMode: "automatic",
    showAbove: 5,
    showLinesAbove: 10,
    languages: {},
    inComments: true,
    inStrings: true,
    debounceMs: 75,
    adaptDebounce: true,
    deadlineMs: 300,
    invokedDeadlineMs: 1500,
    maxLines: 12,
    candidates: 3,
    attribution: "mark",
    indexProject: true,
    threads: 0,
    engine: "local",
    engineUrl: "",
    engineModel: "",
    engineFim: "auto",
    engineContext: 2048,
    signals: false,
    signalsText: false,
    model: "",
    logLevel: "info",
  });
});

test("every declared setting is either sent or says how to start the server", () => {
  const sent = SERVER_SETTINGS.map((key) => `tabwright.${key}`);
  const names = Object.keys(properties).filter((name) => !name.startsWith("tabwright.server."));
  assert.deepEqual(names.toSorted(), sent.toSorted());
});

test("bad values pass through: the server warns about them", () => {
  const settings = serverSettings((key) => ({ debounceMs: "soon", threads: -3 })[key], "/home/ada");
  assert.deepEqual(settings, { debounceMs: "soon", threads: -3 });
});

test("~ in the model's folder is the home folder", () => {
  const settings = serverSettings((key) => (key === "model" ? "~/models/a" : undefined), "/home/ada");
  assert.deepEqual(settings, { model: "/home/ada/models/a" });
});

test("only a leading ~ of one's own is expanded", () => {
  assert.equal(expandHome("~", "/home/ada"), "/home/ada");
  assert.equal(expandHome("~bob/x", "/home/ada"), "~bob/x");
  assert.equal(expandHome("/a/~/b", "/home/ada"), "/a/~/b");
});
