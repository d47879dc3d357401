// The interpreter chosen in the Python extension, where there is one, and only if a person chose it: a workspace can
// bring an interpreter along, as a file or by a setting, and must not choose what is run.

import { isAbsolute } from "node:path";
import * as vscode from "vscode";
import { isBelow } from "./below";

/** What is used here of the interface that it documents (@vscode/python-extension). */
interface Environments {
  getActiveEnvironmentPath(): { readonly path: string };
  resolveEnvironment(environment: { readonly path: string }): Promise<Environment | undefined>;
  readonly onDidChangeActiveEnvironmentPath: vscode.Event<unknown>;
}

interface Environment {
  readonly executable: { readonly uri: vscode.Uri | undefined };
}

const PATIENCE_MS = 5_000;
const CHOOSING_SETTINGS = ["defaultInterpreterPath", "pythonPath", "venvPath", "venvFolders"] as const;

export class PythonExtension implements vscode.Disposable {
  private readonly chosenAnew = new vscode.EventEmitter<void>();
  private listener: vscode.Disposable | undefined;
  private isUp = false;
  /** Another one was chosen, or the Python extension has come up at last; told once this one has been asked for. */
  readonly onDidChoose = this.chosenAnew.event;

  /** The path of the interpreter; undefined if there is none, or one that the workspace may have chosen. */
  async chosen(): Promise<string | undefined> {
    const extension = vscode.extensions.getExtension<{ readonly environments: Environments }>("ms-python.python");
    if (extension === undefined || !vscode.workspace.isTrusted || isChosenByWorkspace()) return undefined;
    try {
      // Completion must not wait for ever for an extension that does not come up; if it does later, that is told.
      let isWaiting = true;
      const asking = this.ask(extension);
      const isUp = () => {
        if (!isWaiting && !this.isUp) this.chosenAnew.fire();
        this.isUp = true;
      };
      void asking.then(isUp, () => undefined);
      const path = await Promise.race([asking, pause(PATIENCE_MS)]);
      isWaiting = false;
      const folders = (vscode.workspace.workspaceFolders ?? []).map(({ uri }) => uri.fsPath);
      return path === undefined || folders.some((folder) => isBelow(path, folder)) ? undefined : path;
    } catch {
      return undefined; // another version of it, with another interface
    }
  }

  dispose(): void {
    this.listener?.dispose();
    this.chosenAnew.dispose();
  }

  private async ask(extension: vscode.Extension<{ readonly environments: Environments }>): Promise<string | undefined> {
    const { environments } = await extension.activate();
    this.listener ??= environments.onDidChangeActiveEnvironmentPath(() => this.chosenAnew.fire());
    const active = environments.getActiveEnvironmentPath();
    // What it names may be a folder (one of conda's), or a bare `python` where nothing was chosen.
    const path = (await environments.resolveEnvironment(active))?.executable.uri?.fsPath ?? active.path;
    return isAbsolute(path) ? path : undefined;
  }
}

function pause(milliseconds: number): Promise<undefined> {
  return new Promise((resolve) => setTimeout(() => resolve(undefined), milliseconds));
}

function isChosenByWorkspace(): boolean {
  const configuration = vscode.workspace.getConfiguration("python");
  return CHOOSING_SETTINGS.some((key) => {
    const found = configuration.inspect(key);
    return found?.workspaceValue !== undefined || found?.workspaceFolderValue !== undefined;
  });
}
