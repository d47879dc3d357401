// Whose code the suggestion on the screen is, as a mark in the status bar that is there only then, and as a page.
//
// The editor does not tell an extension when ghost text goes. It goes with the next answer, with another editor, when
// the cursor leaves it or when it has been taken, which is seen here, and with Escape, which package.json gives to
// `dismiss` for as long as there is a mark.

import * as vscode from "vscode";
import { Attributions, isShown, itemsOf, textsOf } from "./attribution";
import type { Pages } from "./pages";

/** Where suggestions were asked for. */
export interface Place {
  readonly document: vscode.TextDocument;
  readonly position: vscode.Position;
}

interface Shown {
  readonly document: vscode.TextDocument;
  readonly start: vscode.Position;
  readonly texts: readonly string[];
}

export class AttributionMark implements vscode.Disposable {
  private readonly attributions = new Attributions();
  private readonly item: vscode.StatusBarItem;
  private readonly listeners: vscode.Disposable[];
  private shown: Shown | undefined;

  constructor(private readonly pages: Pages) {
    this.item = vscode.window.createStatusBarItem("tabwright.attribution", vscode.StatusBarAlignment.Right, 99);
    this.item.name = "Tabwright: whose code is suggested";
    this.item.command = "tabwright.showAttribution";
    this.listeners = [
      vscode.window.onDidChangeActiveTextEditor(() => this.hide()),
      vscode.window.onDidChangeTextEditorSelection(({ textEditor }) => this.follow(textEditor)),
    ];
  }

  /** The answer to a request for suggestions; without a place, one that is not shown in the editor. */
  offered(answer: unknown, place?: Place): void {
    const mark = this.attributions.take(answer);
    if (place === undefined) return;
    if (mark === undefined) {
      this.hide();
      return;
    }
    this.shown = { document: place.document, start: startOf(answer) ?? place.position, texts: textsOf(answer) };
    this.item.text = mark.text;
    this.item.tooltip = mark.tooltip; // a plain string: what stands in it is not markup
    this.item.show();
    this.tell(true);
    this.follow(vscode.window.activeTextEditor); // the cursor may have left in the meantime
  }

  hide(): void {
    if (this.shown === undefined) return;
    this.shown = undefined;
    this.item.hide();
    this.tell(false);
  }

  /** Dismisses the suggestion as the editor does, and the mark with it. */
  async dismiss(): Promise<void> {
    this.hide();
    await vscode.commands.executeCommand("editor.action.inlineSuggest.hide");
  }

  async showPage(): Promise<void> {
    await vscode.window.showTextDocument(this.pages.put("Whose code was suggested.md", this.attributions.page()));
  }

  dispose(): void {
    for (const listener of this.listeners) listener.dispose();
    this.item.dispose();
  }

  private follow(editor: vscode.TextEditor | undefined): void {
    if (this.shown === undefined || editor?.document !== this.shown.document) return;
    const { start, texts } = this.shown;
    const { active, isEmpty } = editor.selection;
    const isBehind = isEmpty && active.isAfterOrEqual(start);
    if (!isBehind || !isShown(texts, editor.document.getText(new vscode.Range(start, active)))) this.hide();
  }

  private tell(isMarked: boolean): void {
    void vscode.commands.executeCommand("setContext", "tabwright.marked", isMarked);
  }
}

/** Where the first item's text begins: before the cursor, if it goes on with an entry of the suggest widget. */
function startOf(answer: unknown): vscode.Position | undefined {
  const [first] = itemsOf(answer);
  return first instanceof vscode.InlineCompletionItem ? first.range?.start : undefined;
}
