// Completion on and off: for everything, and for one language. A switch is turned where it is set now: in the
// workspace if that has a say and is trusted, else for this user.

import * as vscode from "vscode";

export function isEnabled(): boolean {
  return vscode.workspace.getConfiguration("tabwright").get("enable", true);
}

export function isOnFor(language: string): boolean {
  return languages()[language] !== false;
}

export async function toggle(): Promise<void> {
  await put("enable", !isEnabled());
}

export async function toggleFor(language: string): Promise<void> {
  await put("languages", { ...languages(), [language]: !isOnFor(language) });
}

function languages(): Readonly<Record<string, boolean>> {
  return vscode.workspace.getConfiguration("tabwright").get("languages", {});
}

async function put(key: string, value: unknown): Promise<void> {
  const configuration = vscode.workspace.getConfiguration("tabwright");
  const ofWorkspace = vscode.workspace.isTrusted && configuration.inspect(key)?.workspaceValue !== undefined;
  const { Workspace, Global } = vscode.ConfigurationTarget;
  await configuration.update(key, value, ofWorkspace ? Workspace : Global);
}
