// Texts as they are on people's disks: CRLF, tabs, and characters outside the basic plane.

import assert from "node:assert/strict";
import * as vscode from "vscode";
import { becomes, ghost, open, press } from "../editor";
import { test } from "../harness";

export function texts(): void {
  test("a suggestion of several lines keeps a file's CRLF", async () => {
    const head = "# fake: total = a + b\\n    return total\r\ndef add(a, b):";
    const document = await open(`${head}|\r\n`);
    assert.equal(document.eol, vscode.EndOfLine.CRLF);
    await press("Enter");
    await ghost();
    await press("Tab");
    await becomes(document, `${head}\r\n    total = a + b\r\n    return total\r\n`);
  });

  test("a file with tabs is continued with tabs", async () => {
    const head = "# fake: total = a + b\\n\\treturn total\nclass A:\n\tdef add(a, b):".replace("\\t", "\t\t");
    const document = await open(`${head}|\n`, { tabs: true });
    await press("Enter");
    await ghost();
    await press("Tab");
    await becomes(document, `${head}\n\t\ttotal = a + b\n\t\treturn total\n`);
  });

  test("behind characters that UTF-16 needs two units for, the place is right", async () => {
    const head = '# fake: "😀" + name\nname = "𝒳𝒴 ünï 👩‍👩‍👧"; text = ';
    const document = await open(`${head.slice(0, -1)}|\n`);
    await press("Space");
    await ghost('"😀" + name');
    await press("Tab");
    await becomes(document, `${head}"😀" + name\n`);
  });

  test("an edit behind such characters does not shift what the server knows", async () => {
    const head = "# 👩‍👩‍👧 𝒳\n# fake: return a + b\n";
    const document = await open(`${head}|def add(a, b):\n    \n`);
    const edit = new vscode.WorkspaceEdit();
    edit.replace(document.uri, new vscode.Range(0, 2, 0, document.lineAt(0).text.length), "😀 no 😀 more 😀");
    edit.insert(document.uri, new vscode.Position(0, 0), "");
    await vscode.workspace.applyEdit(edit);
    await press("Control+End", "ArrowUp", "End");
    await vscode.commands.executeCommand("editor.action.inlineSuggest.trigger");
    await ghost("return a + b");
  });
}
