// The status-bar item: always there once the extension runs, and the way to its menu.

import * as vscode from "vscode";
import { DOCUMENTS } from "./documents";
import { type Status, statusText } from "./status";

export class StatusBar implements vscode.Disposable {
  private readonly item: vscode.StatusBarItem;
  private readonly listener: vscode.Disposable;
  private status: Status = { state: "off", message: "" };

  constructor() {
    this.item = vscode.window.createStatusBarItem("tabwright.status", vscode.StatusBarAlignment.Right, 100);
    this.item.name = "Tabwright";
    this.item.command = "tabwright.menu";
    this.listener = vscode.window.onDidChangeActiveTextEditor(() => this.show(this.status));
    this.show(this.status);
    this.item.show();
  }

  show(status: Status): void {
    this.status = status;
    const { text, tooltip, warn } = statusText((status.state === "ready" ? silentHere() : undefined) ?? status);
    this.item.text = text;
    this.item.tooltip = tooltip; // a plain string: what the server says is not markup
    this.item.backgroundColor = warn ? new vscode.ThemeColor("statusBarItem.warningBackground") : undefined;
  }

  dispose(): void {
    this.listener.dispose();
    this.item.dispose();
  }
}

/** A server that is ready knows nothing of documents that it is never shown. */
function silentHere(): Status | undefined {
  const document = vscode.window.activeTextEditor?.document;
  if (document === undefined || !["file", "untitled"].includes(document.uri.scheme)) return undefined;
  if (vscode.languages.match(DOCUMENTS, document) > 0) return undefined;
  return { state: "silent", message: `Tabwright does not complete ${document.languageId}.` };
}
