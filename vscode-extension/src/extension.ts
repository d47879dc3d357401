// The entrance: puts the parts together and connects them to the editor's commands and settings.

import { join } from "node:path";
import * as vscode from "vscode";
import { aboutModel } from "./aboutModel";
import { itemsOf } from "./attribution";
import { AttributionMark } from "./attributionMark";
import { DOCUMENTS } from "./documents";
import { Environment } from "./environment";
import { explain } from "./explain";
import { type Failure, FailureError } from "./failure";
import { install } from "./install";
import { showMenu } from "./menu";
import { Pages } from "./pages";
import { PythonExtension } from "./pythonExtension";
import { announce, choosePython, setServer } from "./remedies";
import { Server } from "./server";
import { sayNothing, showSeveral } from "./several";
import { Statistics } from "./statistics";
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
  let trouble: Failure | undefined; // why there is no completion, for the menu
  const failed = (failure: Failure) => {
    if (failure.isWarning !== true) trouble = failure;
    void announce(failure);
  };
  const pythonExtension = new PythonExtension();
  const known = () => ({
    own: environment.python,
    isOutdated: environment.isOutdated,
    chosen: () => pythonExtension.chosen(),
  });
  const pages = new Pages();
  const mark = new AttributionMark(pages);
  const running = new Server({
    folder,
    channel,
    known,
    show: (status) => {
      statusBar.show(status);
      if (status.state !== "problem") trouble = undefined;
      if (status.state !== "ready") mark.hide();
      setContext("tabwright.ready", status.state === "ready");
      // Once there was a server it is installed, whatever becomes of it: the walkthrough's first step waits for this.
      if (status.state === "ready" || status.state === "silent") setContext("tabwright.installed", true);
    },
    during: (request) => thinking.during(request),
    offered: (answer, request) => {
      mark.offered(answer, request);
      // Null, which is no list, says that the answer is of no use any more.
      if (request?.isAsked === true && answer != null && itemsOf(answer).length === 0) sayNothing();
    },
    failed,
  });
  server = running;
  const statistics = new Statistics(running, folder);
  const retry = () => void (isEnabled() && running.retry());
  const orFail = async (work: () => unknown) => {
    try {
      await work();
    } catch (error) {
      channel.error(String(error));
      void announce(error instanceof FailureError ? error : { message: String(error), remedies: ["showLog"] });
    }
  };

  const withServer = (work: () => unknown) =>
    withLanguage(() =>
      orFail(() => {
        running.expect();
        return work();
      }),
    );

  let isChanging = false; // two settings: between them there is nothing to be started
  const startWith = async (python: string | undefined) => {
    isChanging = true;
    try {
      await setServer(python);
    } finally {
      isChanging = false;
    }
    if (isEnabled()) await running.start();
  };

  const commands: Readonly<Record<string, () => unknown>> = {
    toggle,
    toggleLanguage: () => withLanguage(toggleFor),
    completeHere: () => withServer(() => vscode.commands.executeCommand("editor.action.inlineSuggest.trigger")),
    showSeveral: () => withServer(() => showSeveral(running)),
    explain: () => withLanguage(() => orFail(() => explain(running, pages, folder))),
    statistics: () => orFail(() => statistics.show()),
    aboutModel: () => orFail(() => aboutModel(running, pages)),
    // Asking for a restart is asking for completion: it starts a server even if there was none.
    restart: () => (isEnabled() ? running.start() : toggle()),
    install: async () => {
      if (!(await install(environment, channel, known(), (failure) => void announce(failure)))) return;
      await startWith(undefined);
      if (!isEnabled()) await toggle();
    },
    choosePython: async () => {
      const python = await choosePython();
      if (python !== undefined) await startWith(python);
    },
    showAttribution: () => mark.showPage(),
    dismiss: () => mark.dismiss(),
    showLog: () => channel.show(),
    menu: () => showMenu(language(), trouble),
  };
  context.subscriptions.push(
    channel,
    statusBar,
    mark,
    pages.register(),
    statistics,
    pythonExtension,
    pythonExtension.onDidChoose(retry),
    vscode.workspace.onDidGrantWorkspaceTrust(retry),
    new vscode.Disposable(() => thinking.stop()),
    vscode.workspace.onDidChangeConfiguration((change) => void (isChanging || applyChange(change, running))),
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
  else if (vscode.window.activeTextEditor === undefined) {
    void vscode.window.showInformationMessage("Tabwright: no file is open in the editor.");
  } else void vscode.window.showInformationMessage("Tabwright does not complete this kind of file.");
}

function setContext(key: string, value: boolean): void {
  void vscode.commands.executeCommand("setContext", key, value);
}

async function applyChange(change: vscode.ConfigurationChangeEvent, running: Server): Promise<void> {
  if (change.affectsConfiguration("tabwright.enable")) {
    await (isEnabled() ? running.start() : running.stop()); // off is off: no process, no memory
  } else if (change.affectsConfiguration("tabwright") && isEnabled()) {
    await running.apply();
  }
}
