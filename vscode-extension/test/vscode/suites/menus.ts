// Ghost text beside the editor's own suggest widget: a selected entry is continued, not fought.

import * as vscode from "vscode";
import { ask } from "../bridge";
import { becomes, ghost, open, press, says, silence, type, until } from "../editor";
import { test } from "../harness";

const HEAD = "# fake: .open()\ncatalog = 1\n";

export function menus(): void {
  test("ghost text continues the entry that is selected in the suggest widget", async () => {
    const document = await open(`${HEAD}|\n`);
    await type("cat");
    await press("Escape");
    await vscode.commands.executeCommand("editor.action.triggerSuggest");
    await until(async () => ((await ask<string[]>("menu"))[0] === "catalog" ? true : undefined), "the suggest widget");
    await ghost("alog.open()");
    await press("Tab");
    await becomes(document, `${HEAD}catalog\n`);
    await ghost(".open()");
    await press("Tab");
    await becomes(document, `${HEAD}catalog.open()\n`);
  });

  test("an open suggest widget keeps Tab for itself", async () => {
    const document = await open(`# fake: return catalog\ncatalog = 1\ndef look():\n    |\n`);
    await type("cata");
    await vscode.commands.executeCommand("editor.action.triggerSuggest");
    await until(async () => ((await ask<string[]>("menu")).includes("catalog") ? true : undefined), "the widget");
    await press("Tab");
    await becomes(document, `# fake: return catalog\ncatalog = 1\ndef look():\n    catalog\n`);
  });

  test("after the suggest widget has closed, ghost text comes again", async () => {
    await open(`# fake: return a + b\ncatalog = 1\ndef add(a, b):|\n`);
    await press("Enter");
    await vscode.commands.executeCommand("editor.action.triggerSuggest");
    await until(async () => ((await ask<string[]>("menu")).length > 0 ? true : undefined), "the widget");
    await press("Escape");
    await press("End", "Enter");
    await ghost("return a + b");
  });

  test("switched off in the editor, ghost text stays away, and the status bar says so", async () => {
    const configuration = vscode.workspace.getConfiguration("editor");
    await configuration.update("inlineSuggest.enabled", false, vscode.ConfigurationTarget.Workspace);
    try {
      await open("# fake: return a + b\ndef add(a, b):|\n");
      await says("off here");
      await press("Enter");
      await silence();
    } finally {
      await configuration.update("inlineSuggest.enabled", undefined, vscode.ConfigurationTarget.Workspace);
    }
    await says("ready");
  });
}
