// The menu behind the status-bar item.

import * as vscode from "vscode";

interface Entry extends vscode.QuickPickItem {
  readonly run: readonly [command: string, ...args: unknown[]];
}

export async function showMenu(enabled: boolean): Promise<void> {
  const entries: Entry[] = [
    enabled
      ? { label: "$(circle-slash) Turn completion off", run: ["tabwright.toggle"] }
      : { label: "$(sparkle) Turn completion on", run: ["tabwright.toggle"] },
    { label: "$(debug-restart) Restart the completion server", run: ["tabwright.restart"] },
    { label: "$(output) Show log", run: ["tabwright.showLog"] },
    { label: "$(gear) Open settings", run: OPEN_SETTINGS },
  ];
  const chosen = await vscode.window.showQuickPick(entries, { title: "Tabwright" });
  if (chosen !== undefined) await vscode.commands.executeCommand(...chosen.run);
}

/** Tabwright's own settings, and no others that happen to mention it. */
export const OPEN_SETTINGS = ["workbench.action.openSettings", "@ext:tabwright.tabwright"] as const;
