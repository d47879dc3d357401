// The menu behind the status-bar item.

import * as vscode from "vscode";
import { settingsCommand } from "./openSettings";
import { isEnabled, isOnFor } from "./switches";

interface Entry extends vscode.QuickPickItem {
  readonly run: readonly [command: string, ...args: unknown[]];
}

/** `language`: that of the active document, if Tabwright could complete it. */
export async function showMenu(language: string | undefined): Promise<void> {
  const entries: Entry[] = [
    isEnabled()
      ? { label: "$(circle-slash) Turn completion off", run: ["tabwright.toggle"] }
      : { label: "$(sparkle) Turn completion on", run: ["tabwright.toggle"] },
  ];
  if (isEnabled() && language !== undefined) {
    entries.push(
      isOnFor(language)
        ? { label: `$(circle-slash) Turn completion off for ${language}`, run: ["tabwright.toggleLanguage"] }
        : { label: `$(sparkle) Turn completion on for ${language}`, run: ["tabwright.toggleLanguage"] },
      { label: "$(edit) Complete here", run: ["tabwright.completeHere"] },
      { label: "$(list-selection) Show several suggestions", run: ["tabwright.showSeveral"] },
      { label: "$(question) Explain the suggestion here", run: ["tabwright.explain"] },
    );
  }
  entries.push(
    { label: "$(debug-restart) Restart the completion server", run: ["tabwright.restart"] },
    { label: "$(graph) Statistics", run: ["tabwright.statistics"] },
    { label: "$(info) About the model", run: ["tabwright.aboutModel"] },
    { label: "$(output) Show log", run: ["tabwright.showLog"] },
    { label: "$(gear) Open settings", run: settingsCommand() },
  );
  const chosen = await vscode.window.showQuickPick(entries, { title: "Tabwright" });
  if (chosen !== undefined) await vscode.commands.executeCommand(...chosen.run);
}
