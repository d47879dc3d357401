// What goes wrong: servers that die, that never come up, and settings that name what is not there. Each failure is one
// message with buttons that help, and after each the extension comes back.

import assert from "node:assert/strict";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as vscode from "vscode";
import { ask } from "../bridge";
import {
  click, ghost, notice, notices, onlyServer, open, pause, press, says, servers, settings, until,
} from "../editor";
import { test } from "../harness";

const clear = () => vscode.commands.executeCommand("notifications.clearAll");

/** A program in the place of the server; given back by `settings({})`. */
async function program(script: string): Promise<string> {
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath ?? "";
  const file = join(folder, "..", `program-${Date.now()}.sh`);
  await writeFile(file, `#!/bin/sh\n${script}\n`);
  await chmod(file, 0o755);
  return file;
}

/** Names a file in the editor's dialog. */
async function choose(file: string): Promise<void> {
  await clear();
  const done = vscode.commands.executeCommand("tabwright.choosePython");
  const path = () => ask<string>("input").catch(() => "");
  await until(async () => ((await path()).startsWith("/") ? true : undefined), "the dialog to name a folder");
  await until(async () => {
    if ((await path()) === file) return true;
    await ask("fill", { text: file }); // it may not have come to rest
    await pause(300);
    return undefined;
  }, "the path to be there");
  await press("Enter");
  await done;
}

async function backAgain(): Promise<void> {
  await ask("set", { more: {} });
  const command = () => vscode.workspace.getConfiguration("tabwright.server").get<string[]>("command", []);
  const isBack = () => command().some((word) => word.includes("fake_server")) && model() === "";
  await until(async () => isBack() || undefined, "the settings to be as before");
  await vscode.commands.executeCommand("tabwright.restart");
  await says("ready");
  await clear();
}

const model = () => vscode.workspace.getConfiguration("tabwright").get("model");

async function killed(): Promise<void> {
  const pid = await onlyServer();
  process.kill(pid, "SIGKILL");
  await until(async () => ((await servers()).includes(pid) ? undefined : true), "the server to be gone");
}

export function failures(): void {
  test("a server that is killed is back by itself, without a message, and completes", async () => {
    await open("# fake: return a + b\ndef add(a, b):|\n");
    await says("ready");
    await killed();
    await until(async () => ((await servers()).length === 1 ? true : undefined), "another server", 20_000);
    await says("ready");
    await press("Enter");
    await ghost("return a + b");
    assert.deepEqual(await notices(), []);
  });

  test("a server that crashes again and again is waited for longer each time, and Restart does not wait", async () => {
    await vscode.commands.executeCommand("tabwright.restart"); // who asks gets all attempts
    await says("starting"); // the status bar of a busy machine shows the old server's "ready" for a moment
    await says("ready");
    const pauses = [0, 1, 4]; // and 16 s, which is not waited for here: restarts.test.ts counts them
    for (const seconds of pauses) {
      await killed();
      await says("starting");
      await says("ready", (seconds + 20) * 1000);
    }
    await killed();
    await says("starting");
    await vscode.commands.executeCommand("tabwright.restart"); // nobody has to wait for the 16 s
    await says("ready");
    assert.equal((await servers()).length, 1);
    await pause(500);
    assert.equal((await servers()).length, 1, "the attempt that was waiting must not start a second one");
  });

  test("a command that is not there is named, with its setting, and the settings are offered", async () => {
    await settings({ "tabwright.server.command": ["/nowhere/tabwright"] });
    await says("problem");
    const text = await notice(/"tabwright\.server\.command" names \/nowhere\/tabwright, which is not an executable file/);
    assert.match(text, /Open Settings/);
    await backAgain();
  });

  test("a Python without Tabwright is named, and installing is offered", async () => {
    const python = await program('echo "$0: No module named lsp_server" >&2; exit 1');
    await settings({ "tabwright.server.command": [], "tabwright.server.python": python });
    await says("problem");
    const text = await notice(/does not have Tabwright installed/);
    assert.match(text, /Install/);
    assert.match(text, /Choose Python/);
    await clear(); // who has closed the message finds its buttons in the menu
    const done = vscode.commands.executeCommand("tabwright.menu");
    const picks = await until(async () => {
      const found = await ask<string[]>("picks");
      return found.length > 0 ? found : undefined;
    }, "the menu");
    await press("Escape");
    await done;
    assert.deepEqual(picks.slice(0, 2), ["Install", "Choose Python"]);
    await backAgain();
  });

  test("a Python that is chosen goes before a command, and chosen again it is tried again", async () => {
    const words = vscode.workspace.getConfiguration("tabwright.server").get<string[]>("command", []);
    const python = await program('echo "$0: No module named lsp_server" >&2; exit 1');
    await settings({ "tabwright.server.command": ["/nowhere/tabwright"] });
    await notice(/not an executable file/);
    await choose(python);
    await notice(/does not have Tabwright installed/);
    await pause(1500);
    const others = (await notices()).filter((one) => !/does not have Tabwright installed/.test(one));
    assert.deepEqual(others, [], "nothing else was tried between the two settings");
    assert.deepEqual(vscode.workspace.getConfiguration("tabwright.server").get("command"), []);
    await writeFile(python, `#!/bin/sh\nexec ${words.map((word) => `'${word}'`).join(" ")} --stdio\n`);
    await choose(python);
    await says("ready");
    await backAgain();
  });

  test("a Python that is too old is named, and another can be chosen", async () => {
    const python = await program('echo "SyntaxError: invalid syntax" >&2; exit 1');
    await settings({ "tabwright.server.command": [], "tabwright.server.python": python });
    await says("problem");
    assert.match(await notice(/too old: Tabwright needs 3\.11 or newer/), /Choose Python/);
    await backAgain();
  });

  test("a server that stops before it answers is told with its last words, once", async () => {
    const broken = await program('echo "tabwright: the disk is on fire" >&2; exit 3');
    await settings({ "tabwright.server.command": [broken] });
    await says("problem");
    assert.match(await notice(/stopped: tabwright: the disk is on fire/), /Show Log/);
    await pause(1500);
    assert.equal((await notices()).length, 1, "it would fail the same way the next time");
    await backAgain();
  });

  test("a model that cannot be loaded is told in one message with buttons", async () => {
    await settings({ "tabwright.model": "/nowhere/missing" });
    await says("problem");
    const text = await notice(/there is no model folder \/nowhere\/missing; install it again/);
    assert.match(text, /Restart/);
    assert.equal((await notices()).length, 1);
    await backAgain();
  });

  test("a button of the message does what it says", async () => {
    await settings({ "tabwright.server.command": ["/nowhere/tabwright"] });
    await notice(/not an executable file/);
    await click("Open Settings");
    const isOpen = () => vscode.window.tabGroups.activeTabGroup.activeTab?.label === "Settings";
    await until(async () => isOpen() || undefined, "the settings");
    await backAgain();
  });
}
