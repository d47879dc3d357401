// Whose code the suggestion on the screen is, as a mark in the status bar that is there only then, and as a page.

import * as vscode from "vscode";
import { Attributions } from "./attribution";
import type { Pages } from "./pages";

export const SHOW_ATTRIBUTION = "tabwright.showAttribution";

export class AttributionMark implements vscode.Disposable {
  private readonly attributions = new Attributions((mark) => {
    if (mark === undefined) {
      this.item.hide();
      return;
    }
    this.item.text = mark.text;
    this.item.tooltip = mark.tooltip; // a plain string: what stands in it is not markup
    this.item.show();
  });
  private readonly item: vscode.StatusBarItem;
  private readonly others: vscode.Disposable[];

  constructor(pages: Pages) {
    this.item = vscode.window.createStatusBarItem("tabwright.attribution", vscode.StatusBarAlignment.Right, 99);
    this.item.name = "Tabwright: whose code is suggested";
    this.item.command = SHOW_ATTRIBUTION;
    this.others = [
      vscode.window.onDidChangeActiveTextEditor(() => this.item.hide()),
      vscode.commands.registerCommand(SHOW_ATTRIBUTION, () =>
        vscode.window.showTextDocument(pages.put("Whose code was suggested.md", this.attributions.page())),
      ),
    ];
  }

  /** Looks at what a request for suggestions brings, and gives it on. */
  of<T>(request: Promise<T>): Promise<T> {
    return this.attributions.of(request);
  }

  dispose(): void {
    for (const other of this.others) other.dispose();
    this.item.dispose();
  }
}
