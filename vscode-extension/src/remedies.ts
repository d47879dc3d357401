// A failure as a message with buttons that do something about it.

import * as vscode from "vscode";
import type { Failure, Remedy } from "./failure";
import { settingsCommand } from "./openSettings";

const PYTHON_ORG = vscode.Uri.parse("https://www.python.org/downloads/");

const REMEDIES: Readonly<Record<Remedy, { readonly label: string; run(): Thenable<unknown> }>> = {
  install: { label: "Install", run: () => vscode.commands.executeCommand("tabwright.install") },
  choosePython: { label: "Choose Python", run: () => vscode.commands.executeCommand("tabwright.choosePython") },
  getPython: { label: "Get Python", run: () => vscode.env.openExternal(PYTHON_ORG) },
  openSettings: { label: "Open Settings", run: () => vscode.commands.executeCommand(...settingsCommand()) },
  turnOn: { label: "Turn On", run: () => vscode.commands.executeCommand("tabwright.toggle") },
  restart: { label: "Restart", run: () => vscode.commands.executeCommand("tabwright.restart") },
  showLog: { label: "Show Log", run: () => vscode.commands.executeCommand("tabwright.showLog") },
};

/** What can be done about a failure, for a menu that has the log, the settings and a restart already. */
export function remediesOf({ remedies }: Failure): { readonly label: string; run(): Thenable<unknown> }[] {
  const others = remedies.filter((remedy) => !["showLog", "openSettings", "restart"].includes(remedy));
  return others.map((remedy) => REMEDIES[remedy]);
}

export async function announce({ message, remedies, isWarning }: Failure): Promise<void> {
  const labels = remedies.map((remedy) => REMEDIES[remedy].label);
  const show = isWarning === true ? vscode.window.showWarningMessage : vscode.window.showErrorMessage;
  const chosen = await show(`Tabwright: ${message}`, ...labels);
  const remedy = Object.values(REMEDIES).find(({ label }) => label === chosen);
  await remedy?.run();
}

/** Lets the user name the Python that has Tabwright. */
export async function choosePython(): Promise<string | undefined> {
  const chosen = await vscode.window.showOpenDialog({
    title: "The Python that has Tabwright installed",
    openLabel: "Use This Python",
    canSelectMany: false,
  });
  return chosen?.[0]?.fsPath;
}

/** Has the server started with this Python, or as the extension finds it; they are the machine's settings. */
export async function setServer(python: string | undefined): Promise<void> {
  const configuration = vscode.workspace.getConfiguration("tabwright.server");
  // A whole command would go before it, and the choice would do nothing.
  for (const [key, value] of Object.entries({ command: undefined, python })) {
    if (configuration.inspect(key)?.globalValue === value) continue;
    await configuration.update(key, value, vscode.ConfigurationTarget.Global);
  }
}
