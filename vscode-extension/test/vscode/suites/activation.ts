// The extension starts by itself, and where it should.

import assert from "node:assert/strict";
import * as vscode from "vscode";
import { open, says, servers } from "../editor";
import { test } from "../harness";

export function activation(): void {
  test("opening a Python file starts the extension and one server", async () => {
    const extension = vscode.extensions.getExtension("tabwright.tabwright");
    assert(extension !== undefined);
    assert.equal(extension.isActive, false, "nothing that needs completion was open");
    await open("x = 1\n|");
    await says("ready", 60_000);
    assert.equal(extension.isActive, true);
    assert.equal((await servers()).length, 1);
  });

  test("the server runs where the workspace lies and not in it", () => {
    assert.equal(vscode.extensions.getExtension("tabwright.tabwright")?.extensionKind, vscode.ExtensionKind.Workspace);
    return Promise.resolve();
  });

  test("every command that the package declares is there", async () => {
    const declared = vscode.extensions.getExtension("tabwright.tabwright")?.packageJSON.contributes.commands;
    const known = new Set(await vscode.commands.getCommands(true));
    assert.deepEqual(
      declared.map(({ command }: { command: string }) => command).filter((name: string) => !known.has(name)),
      [],
    );
  });
}
