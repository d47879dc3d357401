// A window with two folders: one server for both, and each file is its own folder's.

import assert from "node:assert/strict";
import * as vscode from "vscode";
import { becomes, ghost, open, press, says, servers } from "../editor";
import { test } from "../harness";

export function severalFolders(): void {
  test("two folders share one server", async () => {
    assert.equal(vscode.workspace.workspaceFolders?.length, 2);
    await open("x = 1\n|");
    await says("ready", 60_000);
    await open("y = 1\n|", { folder: 1 });
    await says("ready");
    assert.equal((await servers()).length, 1);
  });

  for (const folder of [0, 1]) {
    test(`a file of folder ${folder + 1} is completed`, async () => {
      const document = await open("# fake: return a + b\ndef add(a, b):|\n", { folder, name: "same_name.py" });
      await press("Enter");
      await ghost();
      await press("Tab");
      await becomes(document, "# fake: return a + b\ndef add(a, b):\n    return a + b\n");
    });
  }

  test("a folder that is taken out and put back does not stop the completion of the other", async () => {
    const [first, second] = vscode.workspace.workspaceFolders ?? [];
    assert(first !== undefined && second !== undefined);
    vscode.workspace.updateWorkspaceFolders(1, 1);
    await open("# fake: return a + b\ndef add(a, b):|\n");
    await press("Enter");
    await ghost("return a + b");
    vscode.workspace.updateWorkspaceFolders(1, 0, { uri: second.uri });
  });
}
