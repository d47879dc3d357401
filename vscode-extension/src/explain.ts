// Why a suggestion is what it is: `tabwright complete --explain` for the place of the cursor, shown beside the file.
// The server is not asked: it has no such request, and the command line says more than would fit into a message.

import { execFile } from "node:child_process";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, join } from "node:path";
import * as vscode from "vscode";
import { explainCommand, serverEnvironment } from "./command";
import { type Answer, explanationText } from "./explanation";
import type { Server } from "./server";
import { expandHome } from "./settings";

const SCHEME = "tabwright-explanation";
const LIMIT_MS = 60_000;

/** Shows explanations as read-only documents; `storage` is the extension's folder. */
export class Explanations implements vscode.TextDocumentContentProvider {
  private text = "";
  private readonly changed = new vscode.EventEmitter<vscode.Uri>();
  readonly onDidChange = this.changed.event;

  constructor(
    private readonly server: Server,
    private readonly storage: string,
    private readonly channel: vscode.LogOutputChannel,
  ) {}

  register(): vscode.Disposable {
    return vscode.Disposable.from(this.changed, vscode.workspace.registerTextDocumentContentProvider(SCHEME, this));
  }

  provideTextDocumentContent(): string {
    return this.text;
  }

  async explain(): Promise<void> {
    const editor = vscode.window.activeTextEditor;
    if (editor === undefined) return;
    const { document } = editor;
    const place = editor.selection.active;
    const title = "Tabwright: explaining the suggestion …";
    const location = vscode.ProgressLocation.Notification;
    const text = await vscode.window.withProgress({ location, title, cancellable: true }, (_, token) =>
      this.ask(document, place, token),
    );
    if (text === undefined) return;
    this.text = text;
    // As Markdown, whose long lines the editor wraps.
    const uri = vscode.Uri.from({ scheme: SCHEME, path: "/Why this suggestion.md" });
    this.changed.fire(uri);
    const shown = await vscode.workspace.openTextDocument(uri);
    await vscode.window.showTextDocument(shown, { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true });
  }

  private async ask(
    document: vscode.TextDocument,
    place: vscode.Position,
    token: vscode.CancellationToken,
  ): Promise<string | undefined> {
    const before = document.lineAt(place.line).text.slice(0, place.character);
    const column = [...before].length + 1; // the command line counts characters, the editor UTF-16 units
    const copies = join(this.storage, "explain");
    const isSaved = document.uri.scheme === "file" && !document.isDirty;
    const file = isSaved ? document.uri.fsPath : join(copies, basename(document.fileName));
    const folder = vscode.workspace.getWorkspaceFolder(document.uri)?.uri.fsPath;
    const model = vscode.workspace.getConfiguration("tabwright").get("model", "");
    const options = ["--json", "--explain"];
    if (folder !== undefined) options.push("--project", folder);
    if (model !== "") options.push("--model", expandHome(model, homedir()));
    const what = [...options, "--", file, String(place.line + 1), String(column)];
    const command = this.server.command && explainCommand(this.server.command, what);
    if (command === undefined) {
      void vscode.window.showWarningMessage(
        'Tabwright: nothing can be explained with this "tabwright.server.command": it is not known how to start ' +
          "`tabwright complete` from it.",
      );
      return undefined;
    }
    try {
      if (!isSaved) {
        await mkdir(copies, { recursive: true });
        await writeFile(file, document.getText());
      }
      const answer = await run(command.command, command.args, this.storage, token);
      const name = vscode.workspace.asRelativePath(document.uri);
      return explanationText(JSON.parse(answer) as Answer, `${name}:${place.line + 1}:${column}`);
    } catch (error) {
      if (token.isCancellationRequested) return undefined;
      this.channel.error(String(error));
      const said = error instanceof Error ? error.message.trim().split("\n").at(-1) : String(error);
      void vscode.window.showErrorMessage(`Tabwright: the suggestion cannot be explained: ${said}`);
      return undefined;
    } finally {
      await rm(copies, { recursive: true, force: true });
    }
  }
}

function run(program: string, args: readonly string[], cwd: string, token: vscode.CancellationToken): Promise<string> {
  const aborted = new AbortController();
  token.onCancellationRequested(() => aborted.abort());
  const env = { ...serverEnvironment(process.env), PYTHONIOENCODING: "utf-8" };
  const options = { cwd, env, signal: aborted.signal, timeout: LIMIT_MS, maxBuffer: 1 << 24 };
  return new Promise((resolve, reject) => {
    execFile(program, [...args], options, (error, stdout) => (error === null ? resolve(stdout) : reject(error)));
  });
}
