// The entrance: puts the parts together and connects them to the editor's commands and settings.

import { join } from "node:path";
import * as vscode from "vscode";
import { DOCUMENTS } from "./documents";
import { Environment } from "./environment";
import { Explanations } from "./explain";
import type { Failure } from "./failure";
import { install } from "./install";
import { showMenu } from "./menu";
import { chosenPython } from "./pythonExtension";
import { announce, choosePython } from "./remedies";
import { Server } from "./server";
import { showSeveral } from "./several";
import { StatusBar } from "./statusBar";
import { isEnabled, toggle, toggleFor } from "./switches";
import { Thinking } from "./thinking";

let server: Server | undefined;

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const channel = vscode.window.createOutputChannel("Tabwright", { log: true });
  const statusBar = new StatusBar();
  const thinking = new Thinking((now) => statusBar.thinking(now));
  await vscode.workspace.fs.createDirectory(context.globalStorageUri);
  const folder = context.globalStorageUri.fsPath;
  const carried = join(context.extensionPath, "dist", "server");
  const environment = new Environment(folder, carried, context.extension.packageJSON.version as string);
  const failed = (failure: Failure) => void announce(failure);
  const running = new Server({
    folder,
    channel,
    known: () => ({ own: environment.python, chosen: chosenPython }),
    show: (status) => {
      statusBar.show(status);
      void vscode.commands.executeCommand("setContext", "tabwright.ready", status.state === "ready");
    },
    during: (request) => thinking.during(request),
    failed,
  });
  server = running;
  const explanations = new Explanations(running, folder, channel);

  const commands: Readonly<Record<string, () => unknown>> = {
    toggle,
    toggleLanguage: () => withLanguage(toggleFor),
    completeHere: () => withLanguage(() => vscode.commands.executeCommand("editor.action.inlineSuggest.trigger")),
    showSeveral: () => withLanguage(() => showSeveral(running)),
    explain: () => withLanguage(() => explanations.explain()),
    // Asking for a restart is asking for completion: it starts a server even if there was none.
    restart: () => (isEnabled() ? running.start() : toggle()),
    install: async () => {
      if (await install(environment, channel, failed)) await running.start();
    },
    choosePython,
    showLog: () => channel.show(),
    menu: () => showMenu(language()),
  };
  context.subscriptions.push(
    channel,
    statusBar,
    explanations.register(),
    new vscode.Disposable(() => thinking.stop()),
    vscode.workspace.onDidChangeConfiguration((change) => void applyChange(change, running)),
    ...Object.entries(commands).map(([name, run]) => vscode.commands.registerCommand(`tabwright.${name}`, run)),
  );
  if (isEnabled()) await running.start();
}

export function deactivate(): Promise<void> | undefined {
  return server?.stop();
}

/** The language of the active document, if Tabwright could complete it. */
function language(): string | undefined {
  const document = vscode.window.activeTextEditor?.document;
  return document !== undefined && vscode.languages.match(DOCUMENTS, document) > 0 ? document.languageId : undefined;
}

async function withLanguage(work: (language: string) => unknown): Promise<void> {
  const known = language();
  if (known !== undefined) await work(known);
  else void vscode.window.showInformationMessage("Tabwright does not complete this kind of file.");
}

async function applyChange(change: vscode.ConfigurationChangeEvent, running: Server): Promise<void> {
  if (change.affectsConfiguration("tabwright.enable")) {
    await (isEnabled() ? running.start() : running.stop()); // off is off: no process, no memory
  } else if (change.affectsConfiguration("tabwright") && isEnabled()) {
    await running.apply();
  }
}
