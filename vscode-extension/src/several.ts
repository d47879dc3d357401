// Several suggestions for one place in a list, for somebody who wants to choose.

import * as vscode from "vscode";
import type { InlineCompletionItem } from "vscode-languageclient/node";
import { matchesOf, owner } from "./attribution";
import type { Server } from "./server";

interface Choice extends vscode.QuickPickItem {
  readonly text: string;
  readonly item: InlineCompletionItem;
}

export async function showSeveral(server: Server): Promise<void> {
  const editor = vscode.window.activeTextEditor;
  if (editor === undefined) return;
  const { document } = editor;
  const { version } = document;
  const place = editor.selection.active;
  const asking = new vscode.CancellationTokenSource();
  const choices = server.suggest(document, place, asking.token).then((items) => (items ?? []).map(choice));
  const empty = choices.then((found) => {
    if (found.length === 0) sayNothing();
    return found.length === 0;
  });
  if (await empty) return;
  const options = { title: "Suggestions for this place", placeHolder: "Choose one to insert it" };
  const chosen = await vscode.window.showQuickPick(choices, options);
  if (chosen === undefined || document.version !== version) return;
  const { item, text } = chosen;
  const range = item.range === undefined ? new vscode.Range(place, place) : rangeOf(item.range);
  if (!(await editor.edit((edit) => edit.replace(range, text)))) return;
  const end = document.positionAt(document.offsetAt(range.start) + text.length);
  editor.selection = new vscode.Selection(end, end);
  if (item.command) await vscode.commands.executeCommand(item.command.command, ...(item.command.arguments ?? []));
}

/** Somebody asked, and there is nothing: without a word that would look as if the key did nothing. */
export function sayNothing(): void {
  vscode.window.setStatusBarMessage("Tabwright has nothing to suggest here.", 4000);
}

function choice(item: InlineCompletionItem): Choice {
  const text = typeof item.insertText === "string" ? item.insertText : item.insertText.value;
  const [first = "", ...more] = text.trim().split(/\r?\n/);
  const detail = more.map((line) => line.trim()).join(" ⏎ ");
  const [match] = matchesOf(item);
  return {
    label: first,
    ...(detail === "" ? {} : { detail }),
    ...(match === undefined ? {} : { description: `$(law) ${owner(match)}` }),
    text,
    item,
  };
}

function rangeOf({ start, end }: NonNullable<InlineCompletionItem["range"]>): vscode.Range {
  return new vscode.Range(start.line, start.character, end.line, end.character);
}
