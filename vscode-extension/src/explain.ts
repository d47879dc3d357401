// Why a suggestion is what it is: `tabwright complete --explain` for the place of the cursor, shown beside the file.
// The server is not asked: it has no such request, and the command line says more than would fit into a message.

import { mkdir, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, join } from "node:path";
import * as vscode from "vscode";
import { type Answer, explanationText } from "./explanation";
import type { Pages } from "./pages";
import type { Server } from "./server";
import { expandHome } from "./settings";
import { runTool } from "./tool";

/** Explains what would be suggested at the cursor; `storage` is the extension's folder. Throws a Failure. */
export async function explain(server: Server, pages: Pages, storage: string): Promise<void> {
  const editor = vscode.window.activeTextEditor;
  if (editor === undefined) return;
  const { document } = editor;
  const place = editor.selection.active;
  const title = "Tabwright: explaining the suggestion …";
  const location = vscode.ProgressLocation.Notification;
  const text = await vscode.window.withProgress({ location, title, cancellable: true }, async (_, token) => {
    try {
      return await ask(server, document, place, storage, token);
    } catch (error) {
      if (token.isCancellationRequested) return undefined;
      throw error;
    }
  });
  if (text === undefined) return;
  // As Markdown, whose long lines the editor wraps.
  const shown = await vscode.workspace.openTextDocument(pages.put("Why this suggestion.md", text));
  await vscode.window.showTextDocument(shown, { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true });
}

async function ask(
  server: Server,
  document: vscode.TextDocument,
  place: vscode.Position,
  storage: string,
  token: vscode.CancellationToken,
): Promise<string> {
  const before = document.lineAt(place.line).text.slice(0, place.character);
  const column = [...before].length + 1; // the command line counts characters, the editor UTF-16 units
  const copies = join(storage, "explain");
  const isSaved = document.uri.scheme === "file" && !document.isDirty;
  const file = isSaved ? document.uri.fsPath : join(copies, basename(document.fileName));
  const folder = vscode.workspace.getWorkspaceFolder(document.uri)?.uri.fsPath;
  const model = vscode.workspace.getConfiguration("tabwright").get("model", "");
  const what = ["complete", "--json", "--explain"];
  if (folder !== undefined) what.push("--project", folder);
  if (model !== "") what.push("--model", expandHome(model, homedir()));
  what.push("--", file, String(place.line + 1), String(column));
  try {
    if (!isSaved) {
      await mkdir(copies, { recursive: true });
      await writeFile(file, document.getText());
    }
    const answer = await runTool(await server.installation(), what, storage, token);
    const name = vscode.workspace.asRelativePath(document.uri);
    return explanationText(JSON.parse(answer) as Answer, `${name}:${place.line + 1}:${column}`, before);
  } finally {
    await rm(copies, { recursive: true, force: true });
  }
}
