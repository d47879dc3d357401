// The commands, from the palette or the menu, and what the status bar says meanwhile.

import assert from "node:assert/strict";
import * as vscode from "vscode";
import { ask } from "../bridge";
import {
  becomes, click, ghost, notice, notices, onlyServer, open, pause, press, says, servers, settings, silence, type, until,
} from "../editor";
import { test } from "../harness";

const HEAD = "# fake: return a + b\n# or: return b + a\ndef add(a, b):";
const run = (name: string) => vscode.commands.executeCommand(`tabwright.${name}`);
const setting = (key: string) => vscode.workspace.getConfiguration("tabwright").inspect(key);

export function commands(): void {
  test("Complete Here asks at once, where automatic suggestions are off", async () => {
    await settings({ "tabwright.triggerMode": "invoked" });
    await open(`${HEAD}|\n`);
    await press("Enter");
    await silence(800);
    await run("completeHere");
    assert.match(await ghost(), /return [ab] \+ [ab]/);
    await settings({ "tabwright.triggerMode": "automatic" });
  });

  test("Alt+\\ is the key of Complete Here", async () => {
    await settings({ "tabwright.triggerMode": "invoked" });
    await open(`${HEAD}\n    |\n`);
    await press("Alt+\\");
    assert.match(await ghost(), /return [ab] \+ [ab]/);
    await settings({ "tabwright.triggerMode": "automatic" });
  });

  test("who asks where there is nothing to suggest is told so, and who does not ask is not", async () => {
    const nothing = async () => (await ask<string[]>("bar")).some((text) => /nothing to suggest here/.test(text));
    await open("def add(a, b):|\n");
    await press("Enter");
    await pause(800);
    assert.equal(await nothing(), false);
    await run("completeHere");
    await until(async () => (await nothing()) || undefined, "a word about it");
  });

  test("Show Several lists the suggestions, and the chosen one is inserted", async () => {
    const document = await open(`${HEAD}\n    |\n`);
    const done = run("showSeveral");
    const picks = await until(async () => {
      const found = await ask<string[]>("picks");
      return found.length > 1 ? found : undefined;
    }, "the list");
    assert.deepEqual(picks.toSorted(), ["return a + b", "return b + a"]);
    await press("ArrowDown", "Enter");
    await done;
    await becomes(document, `${HEAD}\n    ${picks[1]}\n`);
    assert.equal(vscode.window.activeTextEditor?.selection.active.character, 16);
  });

  test("a list that is left inserts nothing", async () => {
    const document = await open(`${HEAD}\n    |\n`);
    const done = run("showSeveral");
    await until(async () => ((await ask<string[]>("picks")).length > 1 ? true : undefined), "the list");
    await press("Escape");
    await done;
    assert.equal(document.getText(), `${HEAD}\n    \n`);
  });

  test("switched off for the language, nothing is suggested and the status bar says so", async () => {
    await open(`${HEAD}|\n`);
    await says("ready");
    await run("toggleLanguage");
    try {
      await says("off here");
      await press("Enter");
      await silence();
    } finally {
      await run("toggleLanguage");
    }
    await says("ready");
    await press("Enter");
    await ghost("return a + b");
  });

  test("a language that Tabwright does not know is named off, and Python is ready again", async () => {
    await open("# A title|\n", { name: "notes.md" });
    await says("off here");
    await open("x = 1|\n");
    await says("ready");
  });

  test("switched off, there is no server; switched on, there is one again", async () => {
    await run("toggle");
    await says("off");
    await until(async () => ((await servers()).length === 0 ? true : undefined), "the server to end");
    await run("toggle");
    await says("ready");
    await onlyServer();
  });

  test("who asks for a suggestion while completion is off is told so, and can turn it on", async () => {
    await run("toggle");
    await says("off");
    await open(`${HEAD}\n    |\n`);
    for (const command of ["completeHere", "showSeveral", "aboutModel"]) {
      void run(command);
      assert.match(await notice(/Completion is switched off/), /Turn On/);
      if (command !== "aboutModel") await vscode.commands.executeCommand("notifications.clearAll");
    }
    await click("Turn On");
    await says("ready");
    await vscode.commands.executeCommand("notifications.clearAll");
  });

  test("About the Model opens what the server tells of it", async () => {
    await run("aboutModel");
    const label = () => vscode.window.tabGroups.activeTabGroup.activeTab?.label;
    await until(async () => (label() === "Preview About the model.md" ? true : undefined), `the page, not ${label()}`);
  });

  test("a suggestion that takes long is seen in the status bar", async () => {
    await open("# fake: return the_sum_of_the_first_and_the_second_number\n# slow\ndef add(a, b):|\n");
    await press("Enter");
    await says("thinking");
    await ghost();
    await says("ready");
  });

  test("the menu has every command that makes sense here", async () => {
    await open("x = 1|\n");
    const done = run("menu");
    const picks = await until(async () => {
      const found = await ask<string[]>("picks");
      return found.length > 0 ? found : undefined;
    }, "the menu");
    await press("Escape");
    await done;
    const known = [/off$/, /off for python/, /Complete here/, /several/, /Explain/, /Restart/, /log/, /settings/];
    for (const words of [...known, /Statistics/, /About the model/, /Whose code/]) {
      assert(picks.some((pick) => words.test(pick)), `${words} is not in ${picks}`);
    }
  });

  test("Complete Here of the menu asks in the editor that the menu was opened from", async () => {
    await settings({ "tabwright.triggerMode": "invoked" });
    await open(`${HEAD}\n    |\n`);
    const done = run("menu");
    await until(async () => ((await ask<string[]>("picks")).length > 0 ? true : undefined), "the menu");
    await type("complete here");
    await press("Enter");
    await done;
    assert.match(await ghost(), /return [ab] \+ [ab]/);
    await settings({ "tabwright.triggerMode": "automatic" });
  });

  test("Restart replaces the server", async () => {
    const before = await onlyServer();
    await run("restart");
    await says("ready");
    assert.notEqual(await onlyServer(), before);
  });

  test("restarts in quick succession leave one server, which completes", async () => {
    await Promise.all([run("restart"), run("restart"), run("restart")]);
    await pause(50);
    await run("restart");
    await open(`${HEAD}|\n`);
    await says("ready");
    await onlyServer();
    await press("Enter");
    await ghost("return a + b");
    assert.deepEqual(await notices(), []);
  });

  test("a workspace cannot set what is run, which model, or how many threads", async () => {
    const { Workspace, WorkspaceFolder } = vscode.ConfigurationTarget;
    const folder = vscode.workspace.workspaceFolders?.[0];
    for (const key of ["server.command", "server.python", "model", "threads"]) {
      for (const [target, scope] of [[Workspace, undefined], [WorkspaceFolder, folder]] as const) {
        const configuration = vscode.workspace.getConfiguration("tabwright", scope);
        await assert.rejects(async () => configuration.update(key, "/bin/false", target), key);
      }
      assert.equal(setting(key)?.workspaceValue, undefined, key);
    }
  });

  test("a settings file that a workspace brings along is not followed either", async () => {
    const folder = vscode.workspace.workspaceFolders?.[0];
    assert(folder !== undefined);
    const before = await servers();
    const file = vscode.Uri.joinPath(folder.uri, ".vscode", "settings.json");
    const hostile = { "tabwright.server.command": ["/bin/false"], "tabwright.model": "/nowhere", "tabwright.maxLines": 7 };
    await vscode.workspace.fs.writeFile(file, Buffer.from(JSON.stringify(hostile)));
    const maxLines = () => vscode.workspace.getConfiguration("tabwright").get("maxLines");
    try {
      await until(async () => (maxLines() === 7 ? true : undefined), "the file to be read");
      assert.notDeepEqual(vscode.workspace.getConfiguration("tabwright").get("server.command"), ["/bin/false"]);
      assert.equal(vscode.workspace.getConfiguration("tabwright").get("model"), "");
      await pause(1000);
      assert.deepEqual(await servers(), before, "it may not even have the server started again");
    } finally {
      await vscode.workspace.fs.delete(file);
      await until(async () => (maxLines() === 12 ? true : undefined), "the file to be gone");
    }
  });

  test("a bad setting is said in one sentence and the server goes on", async () => {
    await settings({ "tabwright.debounceMs": -5 });
    await open(`${HEAD}|\n`);
    await press("Enter");
    await ghost("return a + b");
    assert.match(await notice(/tabwright\.debounceMs/), /Open Settings/);
    await settings({ "tabwright.debounceMs": 75 });
    await vscode.commands.executeCommand("notifications.clearAll");
  });

  for (const [command, tool] of [["explain", "complete"], ["statistics", "stats"]] as const) {
    test(`with a command that is not Tabwright's own, ${command} says so and offers the settings`, async () => {
      await open("x = 1|\n");
      await run(command);
      assert.match(await notice(new RegExp(`not known how to start .tabwright ${tool}`)), /Open Settings/);
      await vscode.commands.executeCommand("notifications.clearAll");
    });
  }
}
