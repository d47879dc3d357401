// The entrance: puts the parts together and connects them to the editor's commands and settings.

import * as vscode from "vscode";
import { OPEN_SETTINGS, showMenu } from "./menu";
import { Server } from "./server";
import { SETTINGS_OF_A_START } from "./settings";
import { StatusBar } from "./statusBar";

let server: Server | undefined;

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const channel = vscode.window.createOutputChannel("Tabwright", { log: true });
  const statusBar = new StatusBar();
  await vscode.workspace.fs.createDirectory(context.globalStorageUri);
  const running = new Server({
    folder: context.globalStorageUri.fsPath,
    channel,
    show: (status) => statusBar.show(status),
    failed: (why) => void announce(why),
  });
  server = running;

  context.subscriptions.push(
    channel,
    statusBar,
    vscode.commands.registerCommand("tabwright.toggle", toggle),
    // Asking for a restart is asking for completion: it starts a server even if there was none.
    vscode.commands.registerCommand("tabwright.restart", () => (isEnabled() ? running.start() : toggle())),
    vscode.commands.registerCommand("tabwright.showLog", () => channel.show()),
    vscode.commands.registerCommand("tabwright.menu", () => showMenu(isEnabled())),
    vscode.workspace.onDidChangeConfiguration((change) => void applyChange(change, running)),
  );
  if (isEnabled()) await running.start();
}

export function deactivate(): Promise<void> | undefined {
  return server?.stop();
}

function isEnabled(): boolean {
  return vscode.workspace.getConfiguration("tabwright").get("enable", true);
}

/** Switches completion where it is decided now: in the workspace if that has a say, else for this user. */
async function toggle(): Promise<void> {
  const configuration = vscode.workspace.getConfiguration("tabwright");
  const ofWorkspace = vscode.workspace.isTrusted && configuration.inspect("enable")?.workspaceValue !== undefined;
  await configuration.update(
    "enable",
    !isEnabled(),
    ofWorkspace ? vscode.ConfigurationTarget.Workspace : vscode.ConfigurationTarget.Global,
  );
}

async function applyChange(change: vscode.ConfigurationChangeEvent, running: Server): Promise<void> {
  if (change.affectsConfiguration("tabwright.enable")) {
    await (isEnabled() ? running.start() : running.stop()); // off is off: no process, no memory
  } else if (SETTINGS_OF_A_START.some((key) => change.affectsConfiguration(`tabwright.${key}`))) {
    if (isEnabled()) await running.start();
  } else if (change.affectsConfiguration("tabwright")) {
    running.configure();
  }
}

async function announce(why: string): Promise<void> {
  const chosen = await vscode.window.showErrorMessage(`Tabwright: ${why}`, "Show Log", "Open Settings", "Restart");
  if (chosen === "Show Log") await vscode.commands.executeCommand("tabwright.showLog");
  if (chosen === "Open Settings") await vscode.commands.executeCommand(...OPEN_SETTINGS);
  if (chosen === "Restart") await vscode.commands.executeCommand("tabwright.restart");
}
