// What the editor loads as its test runner: the suites of one folder, or those of several.

import * as vscode from "vscode";
import { ask } from "./bridge";
import { runAll } from "./harness";
import { oneFolder } from "./suites/oneFolder";
import { severalFolders } from "./suites/severalFolders";

export async function run(): Promise<void> {
  try {
    ((vscode.workspace.workspaceFolders?.length ?? 0) > 1 ? severalFolders : oneFolder)();
    await runAll(process.env["TABWRIGHT_ONLY"] ?? "");
    await ask("done");
  } catch (error) {
    await ask("done", { error: String(error) });
  }
}
