// Installing the server into an environment of the extension's own: asked first, with progress, and to be cancelled.

import * as vscode from "vscode";
import { type KnownPythons, NoServerError, resolveBase } from "./command";
import { type Environment, InstallError } from "./environment";
import type { Failure } from "./failure";
import { thisMachine } from "./machine";

/** True when the server was installed; the settings that would go before it are to be reset, which is said here. */
export async function install(
  environment: Environment,
  channel: vscode.LogOutputChannel,
  known: KnownPythons,
  failed: (failure: Failure) => void,
): Promise<boolean> {
  let base: string;
  try {
    // Not the Python of the settings: it may be named there because of what is wrong with it.
    base = await resolveBase("", thisMachine(), known);
  } catch (error) {
    if (!(error instanceof NoServerError)) throw error;
    failed(error);
    return false;
  }
  const configuration = vscode.workspace.getConfiguration();
  const isSet = (key: string) => (configuration.get<string | string[]>(key)?.length ?? 0) > 0;
  const reset = ["tabwright.server.python", "tabwright.server.command"].filter(isSet).join(", ");
  const detail =
    `The server comes with the extension. pip installs it with ${base} into a folder of the extension's own, and ` +
    "downloads what it is built on (onnxruntime, numpy and others) from the package index that pip is set up for, " +
    "by default PyPI. Nothing is sent there." +
    (reset === "" ? "" : `\n\nThese settings are reset: ${reset}.`);
  const question = "Install Tabwright's completion server?";
  const chosen = await vscode.window.showInformationMessage(question, { modal: true, detail }, "Install");
  return chosen === "Install" && (await make(environment, base, channel, failed));
}

function make(
  environment: Environment,
  base: string,
  channel: vscode.LogOutputChannel,
  failed: (failure: Failure) => void,
): Thenable<boolean> {
  const location = vscode.ProgressLocation.Notification;
  return vscode.window.withProgress({ location, title: "Tabwright", cancellable: true }, async (progress, token) => {
    const aborted = new AbortController();
    token.onCancellationRequested(() => aborted.abort());
    try {
      const tell = (message: string) => progress.report({ message: `${message} …` });
      await environment.create(base, tell, (line) => channel.info(line), aborted.signal);
      return true;
    } catch (error) {
      if (aborted.signal.aborted) return false;
      const message = error instanceof InstallError ? error.message : String(error);
      channel.error(message);
      failed({ message, remedies: ["install", "choosePython", "showLog"] });
      return false;
    }
  });
}
