// Taking a suggestion: all of it, a word of it, another one, and thinking better of it.

import assert from "node:assert/strict";
import * as vscode from "vscode";
import { ask } from "../bridge";
import { becomes, ghost, open, press, until } from "../editor";
import { test } from "../harness";

const HEAD = "# fake: return a + b\n# or: return b + a\ndef add(a, b):";

export function accepting(): void {
  test("Tab takes the whole suggestion and puts the cursor behind it", async () => {
    const document = await open(`${HEAD}|\n`);
    await press("Enter");
    await ghost();
    await press("Tab");
    await becomes(document, `${HEAD}\n    return a + b\n`);
    assert.deepEqual(vscode.window.activeTextEditor?.selection.active, new vscode.Position(3, 16));
  });

  test("Tab takes all lines of a suggestion", async () => {
    const head = "# fake: total = a + b\\n    return total\ndef add(a, b):";
    const document = await open(`${head}|\n`);
    await press("Enter");
    await ghost();
    await press("Tab");
    await becomes(document, `${head}\n    total = a + b\n    return total\n`);
  });

  test("Ctrl+Right takes the next word and leaves the rest on the screen", async () => {
    const document = await open(`${HEAD}|\n`);
    await press("Enter");
    await ghost();
    await press("Control+ArrowRight");
    await becomes(document, `${HEAD}\n    return\n`);
    await ghost(" a + b");
    await press("Tab");
    await becomes(document, `${HEAD}\n    return a + b\n`);
  });

  test("one undo takes an accepted suggestion back, and redo gives it again", async () => {
    const document = await open(`${HEAD}|\n`);
    await press("Enter");
    await ghost();
    await press("Tab");
    await becomes(document, `${HEAD}\n    return a + b\n`);
    await press("Control+z");
    await becomes(document, `${HEAD}\n    \n`);
    await press("Control+y");
    await becomes(document, `${HEAD}\n    return a + b\n`);
  });

  test("who asks gets several suggestions to go through with Alt+] and Alt+[", async () => {
    const document = await open(`${HEAD}\n    |\n`);
    await vscode.commands.executeCommand("editor.action.inlineSuggest.trigger");
    const first = await ghost();
    await press("Alt+]");
    const second = await ghost(first === "return a + b" ? "return b + a" : "return a + b");
    await press("Alt+[");
    await ghost(first);
    await press("Alt+]", "Tab");
    await becomes(document, `${HEAD}\n    ${second}\n`);
  });

  test("the server is told of an acceptance", async () => {
    await open(`${HEAD}|\n`);
    await press("Enter");
    await ghost();
    await press("Tab");
    const told = /"workspace\/executeCommand","params":\{"command":"tabwright\.accepted"/;
    await until(async () => told.test(await ask<string>("trace")) || undefined, "the command");
  });
}
