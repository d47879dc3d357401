// The interpreter chosen in the Python extension, where there is one, and only if a person chose it: a workspace can
// bring an interpreter along, as a file or by a setting, and must not choose what is run.

import * as vscode from "vscode";
import { isBelow } from "./below";

interface PythonExtension {
  readonly environments: { getActiveEnvironmentPath(): { readonly path: string } };
}

const PATIENCE_MS = 5_000;
const CHOOSING_SETTINGS = ["defaultInterpreterPath", "pythonPath", "venvPath", "venvFolders"] as const;

/** Its path; undefined if there is none, or one that the workspace may have chosen. */
export async function chosenPython(): Promise<string | undefined> {
  const extension = vscode.extensions.getExtension<PythonExtension>("ms-python.python");
  if (extension === undefined || !vscode.workspace.isTrusted || isChosenByWorkspace()) return undefined;
  try {
    const api = await Promise.race([extension.activate(), later()]);
    if (api === undefined) return undefined;
    const { path } = api.environments.getActiveEnvironmentPath();
    const folders = (vscode.workspace.workspaceFolders ?? []).map(({ uri }) => uri.fsPath);
    return folders.some((folder) => isBelow(path, folder)) ? undefined : path;
  } catch {
    return undefined; // another version of it, with another interface
  }
}

/** Completion must not wait for ever for an extension that does not come up. */
function later(): Promise<undefined> {
  return new Promise((resolve) => setTimeout(() => resolve(undefined), PATIENCE_MS));
}

function isChosenByWorkspace(): boolean {
  const configuration = vscode.workspace.getConfiguration("python");
  return CHOOSING_SETTINGS.some((key) => {
    const found = configuration.inspect(key);
    return found?.workspaceValue !== undefined || found?.workspaceFolderValue !== undefined;
  });
}
