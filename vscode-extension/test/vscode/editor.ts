// The editor as a test uses it: open a text with a cursor in it, press keys, look at the screen.

import assert from "node:assert/strict";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import * as vscode from "vscode";
import { ask } from "./bridge";

export interface Opening {
  readonly name?: string;
  /** Which of several workspace folders. */
  readonly folder?: number;
  readonly tabs?: boolean;
}

let opened = 0;

/** Writes a file into the workspace and opens it, with the cursor where `|` stands. A file of its own for each test. */
export async function open(marked: string, opening: Opening = {}): Promise<vscode.TextDocument> {
  await closeAll();
  const folder = vscode.workspace.workspaceFolders?.[opening.folder ?? 0];
  assert(folder !== undefined);
  const uri = vscode.Uri.joinPath(folder.uri, opening.name ?? `test_${++opened}.py`);
  await mkdir(dirname(uri.fsPath), { recursive: true });
  await writeFile(uri.fsPath, marked.replace("|", ""));
  const document = await vscode.workspace.openTextDocument(uri);
  const place = document.positionAt(marked.indexOf("|"));
  const selection = new vscode.Range(place, place);
  const editor = await vscode.window.showTextDocument(document, { preview: false, selection });
  editor.options = { insertSpaces: opening.tabs !== true, tabSize: 4 };
  await vscode.commands.executeCommand("workbench.action.focusActiveEditorGroup");
  await until(async () => (await ask<boolean>("focused")) || undefined, "the editor to have the focus");
  return document;
}

export async function closeAll(): Promise<void> {
  await vscode.commands.executeCommand("workbench.action.revertAndCloseActiveEditor");
  await vscode.commands.executeCommand("workbench.action.closeAllEditors");
}

export const press = (...keys: string[]) => inTurn(keys, (key) => ask("press", { key }));
export const type = (text: string, delay = 20) => ask("type", { text, delay });
export const shown = () => ask<string>("ghost");

/** The ghost text, as soon as there is one, or as soon as it is this one. */
export async function ghost(wanted?: string): Promise<string> {
  const end = Date.now() + 10_000;
  let text = await shown();
  while (Date.now() < end && (wanted === undefined ? text === "" : text !== wanted)) {
    await pause(50);
    text = await shown();
  }
  assert(text !== "" || wanted === "", "there is no ghost text");
  if (wanted !== undefined) assert.equal(text, wanted);
  return text;
}

/** Asserts that nothing is suggested for as long as a suggestion could take. */
export async function silence(milliseconds = 1500): Promise<void> {
  const end = Date.now() + milliseconds;
  while (Date.now() < end) {
    assert.equal(await shown(), "");
    await pause(50);
  }
}

/** Waits for the document to be so. */
export async function becomes(document: vscode.TextDocument, wanted: string): Promise<void> {
  const end = Date.now() + 5000;
  while (document.getText() !== wanted && Date.now() < end) await pause(50);
  assert.equal(document.getText(), wanted);
}

/** Waits for the status bar to say so. */
export async function says(state: string, milliseconds = 20_000): Promise<void> {
  const wanted = `Tabwright: ${state}`;
  const look = async () => (await ask<string[]>("status")).some((text) => text.includes(wanted)) || undefined;
  try {
    await until(look, `the status bar to say "${wanted}"`, milliseconds);
  } catch (error) {
    throw new Error(`${String(error)}; there are the notifications ${JSON.stringify(await notices())}`);
  }
}

/** The notifications there are, with the labels of their buttons. */
export async function notices(): Promise<string[]> {
  await vscode.commands.executeCommand("notifications.showList");
  await pause(200);
  const found = await ask<string[]>("notices");
  await vscode.commands.executeCommand("notifications.hideList");
  return found;
}

/** Waits for a notification with these words, and gives its text. */
export async function notice(words: RegExp): Promise<string> {
  let found: string[] = [];
  for (const end = Date.now() + 10_000; Date.now() < end; await pause(300)) {
    found = await notices();
    const text = found.find((one) => words.test(one));
    if (text !== undefined) return text;
  }
  throw new Error(`waited 10 s for a notification like ${words}; there are: ${JSON.stringify(found)}`);
}

/** Presses a button of the only notification. */
export async function click(name: string): Promise<void> {
  await vscode.commands.executeCommand("notifications.showList");
  await ask("click", { role: "button", name });
  await vscode.commands.executeCommand("notifications.hideList");
}

/** Sets settings of the machine beside those of the run, until the next call; waits until `key` is there. */
export async function settings(more: Record<string, unknown>): Promise<void> {
  await ask("set", { more });
  await until(async () => {
    const differs = Object.entries(more).some(([key, value]) => {
      const found = vscode.workspace.getConfiguration().get(key);
      return JSON.stringify(found) !== JSON.stringify(value);
    });
    return differs ? undefined : true;
  }, "the settings");
  await pause(300); // the server is told after the editor knows
}

/** The process ids of the servers that the extension has started and that still run. */
export async function servers(): Promise<number[]> {
  const found: number[] = [];
  for (const entry of await readdir("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const parent = /\) \S (\d+) /.exec(await readFile(`/proc/${entry}/stat`, "utf8"))?.[1];
      const command = await readFile(`/proc/${entry}/cmdline`, "utf8");
      if (Number(parent) === process.pid && command.includes("fake_server")) found.push(Number(entry));
    } catch {
      // It has just ended.
    }
  }
  return found;
}

/** The process id of the only server, once there is one and those before it have ended. */
export function onlyServer(): Promise<number> {
  const look = async () => {
    const found = await servers();
    return found.length === 1 ? found[0] : undefined;
  };
  return until(look, "exactly one server");
}

export async function until<T>(look: () => Promise<T | undefined>, what: string, milliseconds = 10_000): Promise<T> {
  const end = Date.now() + milliseconds;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > end) throw new Error(`waited ${milliseconds / 1000} s for ${what}`);
    await pause(50);
  }
}

export const pause = (milliseconds: number) => new Promise<void>((done) => setTimeout(done, milliseconds));

async function inTurn<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  for (const item of items) await work(item);
}
