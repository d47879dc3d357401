// The status-bar item: always there once the extension runs, and the way to its menu.

import * as vscode from "vscode";
import { DOCUMENTS } from "./documents";
import { isOnFor } from "./switches";
import { type Status, statusText } from "./status";

export class StatusBar implements vscode.Disposable {
  private readonly item: vscode.StatusBarItem;
  private readonly listeners: vscode.Disposable[];
  private status: Status = { state: "off", message: "" };
  private isThinking = false;

  constructor() {
    this.item = vscode.window.createStatusBarItem("tabwright.status", vscode.StatusBarAlignment.Right, 100);
    this.item.name = "Tabwright";
    this.item.command = "tabwright.menu";
    this.listeners = [
      vscode.window.onDidChangeActiveTextEditor(() => this.draw()),
      vscode.workspace.onDidChangeConfiguration(() => this.draw()),
    ];
    this.draw();
    this.item.show();
  }

  show(status: Status): void {
    this.status = status;
    this.draw();
  }

  thinking(thinking: boolean): void {
    this.isThinking = thinking;
    this.draw();
  }

  dispose(): void {
    for (const listener of this.listeners) listener.dispose();
    this.item.dispose();
  }

  private draw(): void {
    const { text, tooltip, warn } = statusText(this.now());
    this.item.text = text;
    this.item.tooltip = tooltip; // a plain string: what the server says is not markup
    this.item.backgroundColor = warn ? new vscode.ThemeColor("statusBarItem.warningBackground") : undefined;
  }

  private now(): Status {
    if (this.status.state !== "ready") return this.status;
    return silentHere() ?? (this.isThinking ? { state: "thinking", message: "" } : ready(this.status));
  }
}

/** A server that is ready knows nothing of documents that it is never shown. */
function silentHere(): Status | undefined {
  const document = vscode.window.activeTextEditor?.document;
  if (document === undefined || !["file", "untitled"].includes(document.uri.scheme)) return undefined;
  if (vscode.languages.match(DOCUMENTS, document) === 0) {
    return { state: "silent", message: `Tabwright does not complete ${document.languageId}.` };
  }
  if (!isOnFor(document.languageId)) {
    return { state: "silent", message: `Completion is switched off for ${document.languageId}.` };
  }
  if (!vscode.workspace.getConfiguration("editor", document).get("inlineSuggest.enabled", true)) {
    return { state: "silent", message: "The editor's own setting editor.inlineSuggest.enabled is off." };
  }
  return undefined;
}

function ready(status: Status): Status {
  const mode = vscode.workspace.getConfiguration("tabwright").get<string>("triggerMode");
  return mode === "invoked" ? { ...status, message: "Code completion is ready, and waits until you ask for it." } : status;
}
