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

export async function announce({ message, remedies, isWarning }: Failure): Promise<void> {
  const labels = remedies.map((remedy) => REMEDIES[remedy].label);
  const show = isWarning === true ? vscode.window.showWarningMessage : vscode.window.showErrorMessage;
  const chosen = await show(`Tabwright: ${message}`, ...labels);
  const remedy = Object.values(REMEDIES).find(({ label }) => label === chosen);
  await remedy?.run();
}

/** Lets the user name the Python that has Tabwright. The setting is the machine's, so no workspace is asked. */
export async function choosePython(): Promise<void> {
  const chosen = await vscode.window.showOpenDialog({
    title: "The Python that has Tabwright installed",
    openLabel: "Use This Python",
    canSelectMany: false,
  });
  const file = chosen?.[0]?.fsPath;
  if (file === undefined) return;
  const configuration = vscode.workspace.getConfiguration("tabwright.server");
  await configuration.update("python", file, vscode.ConfigurationTarget.Global);
}
