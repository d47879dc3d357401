// What the model is that runs: its card, its licence and the checksums of its files, as the server tells them.

import * as vscode from "vscode";
import { ErrorCodes, ResponseError } from "vscode-languageclient/node";
import { FailureError } from "./failure";
import { modelPage } from "./modelPage";
import type { Pages } from "./pages";
import type { Server } from "./server";

/** Shows it. Throws FailureError where no server tells. */
export async function aboutModel(server: Server, pages: Pages): Promise<void> {
  const uri = pages.put("About the model.md", modelPage(await ask(server)) ?? throwOld());
  try {
    await vscode.commands.executeCommand("markdown.showPreview", uri);
  } catch {
    await vscode.window.showTextDocument(uri); // the editor's own Markdown extension is switched off
  }
}

async function ask(server: Server): Promise<unknown> {
  server.expect(); // only it knows its model
  try {
    return await server.ask("tabwright/model");
  } catch (error) {
    if (error instanceof ResponseError && error.code === ErrorCodes.MethodNotFound) throwOld();
    throw error;
  }
}

function throwOld(): never {
  const message = "This completion server is older than the extension and cannot tell of its model.";
  throw new FailureError(message, ["install", "showLog"]);
}
