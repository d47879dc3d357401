// The steps about suggestions that are copies of the training corpus. The corpus is one file (planted_model.py), of
// which the workspace has a copy: the memory knows how it goes on, and the index beside the model whose it is.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { ghostOf, pause, until } from "./window.mjs";

const PLANT = resolve(import.meta.dirname, "..", "..", "..", "tests", "vscode", "planted_model.py");
const OWNER = "glimmer: BSD-2-Clause";
const PATIENCE_MS = 20_000;

/** A folder with that model and that file. */
export function planted(python) {
  const folder = mkdtempSync(join(tmpdir(), "tabwright-planted-"));
  execFileSync(python, ["-I", PLANT, folder], { stdio: ["ignore", "ignore", "pipe"] });
  return folder;
}

/** Marked while it is on the screen: not after Escape, not behind the cursor's back, not once it was taken. */
export async function markOnTheScreen(screen, window, folder) {
  const { begun, start, rest } = await begin(screen, window, folder);
  const mark = screen.page.locator('.statusbar-item[id*="tabwright.attribution"]');
  const marked = async (again) => {
    if (again !== undefined) await screen.press(again);
    const shown = await screen.ghost();
    assert(rest.startsWith(shown), `a copy is suggested, and not ${shown}`);
    await mark.filter({ hasText: OWNER }).waitFor();
    return shown;
  };
  const gone = async (why) => {
    await until(async () => !(await mark.isVisible()), PATIENCE_MS, `the mark to go ${why}`);
  };

  await screen.goTo("mine.py");
  await screen.type(start);
  await marked();
  await screen.picture("attribution");
  await mark.hover();
  await screen.page.locator(".monaco-hover", { hasText: "also stands in glimmer, widgets.py (BSD-2-Clause): " }).waitFor();

  await screen.press("Escape");
  await gone("with Escape");
  assert.equal(await ghostOf(screen.page), "", "Escape also does what it does in the editor");

  await marked("Alt+\\");
  await screen.press("ArrowUp");
  await gone("where the cursor has left");
  await screen.press("Control+End");

  await screen.press("Enter");
  await screen.keys("ArrowUp", "End");
  await marked("Alt+\\");
  await screen.press("ArrowDown");
  await gone("where the cursor is behind it");

  await screen.keys("ArrowUp", "End");
  await marked("Alt+\\");
  await mark.click();
  const page = screen.page.locator('.monaco-editor[data-uri^="tabwright:"] .view-lines');
  await page.getByText("glimmer, widgets.py (BSD-2-Clause): ").first().waitFor();
  await gone("with the editor");
  await screen.goTo("mine.py");
  await screen.keys("ArrowUp", "End");
  const taken = await marked("Alt+\\");
  await screen.press("Tab");
  assert.equal((await screen.saved("mine.py")).trimEnd(), `${begun}${start}${taken}`.trimEnd());
  await gone("once it was taken");
}

/** With `block` it is not shown at all; that it is this setting shows when it is turned back. */
export async function blockOnTheScreen(screen, window, folder) {
  const { start, rest } = await begin(screen, window, folder, { "tabwright.attribution": "block" });
  const mark = screen.page.locator('.statusbar-item[id*="tabwright.attribution"]');
  const log = () => readFileSync(join(window.root, "server.log"), "utf8");
  const blocked = () => log().split("the setting attribution blocks what stands in glimmer, widgets.py").length - 1;

  await screen.goTo("other.py");
  const before = blocked();
  await screen.type(start.slice(0, -1));
  await pause(500); // what is asked for last is answered by itself
  const almost = blocked();
  await screen.type(start.slice(-1));
  await until(() => blocked() > Math.max(before, almost), PATIENCE_MS, "the answer of the last place to be blocked");
  await pause(500);
  assert.equal(await ghostOf(screen.page), "");
  assert.equal(await mark.isVisible(), false);
  await screen.picture("attribution-block");

  window.set({ ...SETTINGS, "tabwright.model": join(folder, "model"), "tabwright.attribution": "mark" });
  await until(() => settingsTold(window).includes('"attribution":"mark"'), PATIENCE_MS, "the setting to be told");
  await screen.press("Alt+\\");
  assert(rest.startsWith(await screen.ghost()));
  await mark.filter({ hasText: OWNER }).waitFor();
}

const SETTINGS = { "tabwright.logLevel": "debug", "tabwright.maxLines": 1 };

/** The server with that model, in a workspace with that file, and files that begin as it does. */
async function begin(screen, window, folder, more = {}) {
  const learnt = readFileSync(join(folder, "widgets.py"), "utf8");
  const lines = learnt.trimEnd().split("\n").slice(0, -1); // the last is too short to be told by
  const last = lines.pop();
  const start = last.slice(0, last.indexOf("threshold"));
  const begun = `${lines.join("\n")}\n`;
  writeFileSync(join(screen.workspace, "widgets.py"), learnt);
  for (const name of ["mine.py", "other.py"]) writeFileSync(join(screen.workspace, name), begun);
  await screen.says("ready");
  window.set({ ...SETTINGS, "tabwright.model": join(folder, "model"), ...more });
  await pause(1000); // what is told of it may or may not start a server; the next line does
  await screen.command("Tabwright: Restart the Completion Server");
  await screen.says("starting");
  await screen.says("ready");
  await screen.goTo("widgets.py");
  return { begun, start, rest: last.slice(start.length) };
}

/** What the server was told of its settings last. */
function settingsTold({ root }) {
  const trace = readFileSync(join(root, "trace.lsp"), "utf8");
  return trace.slice(trace.lastIndexOf("workspace/didChangeConfiguration"));
}
