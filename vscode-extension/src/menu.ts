// The menu behind the status-bar item.

import * as vscode from "vscode";
import type { Failure } from "./failure";
import { settingsCommand } from "./openSettings";
import { remediesOf } from "./remedies";
import { isEnabled, isOnFor } from "./switches";

interface Entry extends vscode.QuickPickItem {
  readonly run: readonly [command: string, ...args: unknown[]] | (() => Thenable<unknown>);
}

/**
 * `language`: that of the active document, if Tabwright could complete it. `trouble`: why it does not, of which the
 * message may be closed long since; what helps stands first.
 */
export async function showMenu(language: string | undefined, trouble: Failure | undefined): Promise<void> {
  const remedies = trouble === undefined ? [] : remediesOf(trouble);
  const entries: Entry[] = [
    ...remedies.map(({ label, run }) => ({ label: `$(lightbulb) ${label}`, run })),
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
    { label: "$(law) Whose code was suggested", run: ["tabwright.showAttribution"] },
    { label: "$(output) Show log", run: ["tabwright.showLog"] },
    { label: "$(gear) Open settings", run: settingsCommand() },
  );
  const about = trouble === undefined ? {} : { placeHolder: trouble.message };
  const chosen = await vscode.window.showQuickPick(entries, { title: "Tabwright", ...about });
  if (chosen === undefined) return;
  await (typeof chosen.run === "function" ? chosen.run() : vscode.commands.executeCommand(...chosen.run));
}
