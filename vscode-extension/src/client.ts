// One connection to one server, over stdio. Suggestions need no code here: the language client registers itself as a
// provider of inline completions as soon as the server says that it has some.

import type { LogOutputChannel } from "vscode";
import {
  CloseAction,
  ErrorCodes,
  type ErrorHandler,
  LanguageClient,
  LogMessageNotification,
  ResponseError,
  RevealOutputChannelOn,
  State,
  TransportKind,
} from "vscode-languageclient/node";
import { type ServerCommand, serverEnvironment } from "./command";
import { DOCUMENTS } from "./documents";
import { explainFailure } from "./failure";
import { ServerLog } from "./log";
import type { ServerSettings } from "./settings";

/** What happens to the connection, in the order it can happen. */
export interface ClientEvents {
  /** A server process is being started: the first one, or the next after a crash. */
  starting(): void;
  /** The server takes requests. It says by itself when its model is loaded. */
  running(): void;
  /** A `tabwright/status` notification. */
  status(params: unknown): void;
  /** There is no server, and no further attempt will be made. */
  ended(why: string): void;
}

// Stderr is a pipe of its own: the last words may arrive a little after the connection is gone.
const LAST_WORDS_MS = 200;

/** Starts the server and connects to it. What becomes of it is told to `events`. */
export function connect(
  command: ServerCommand,
  folder: string,
  channel: LogOutputChannel,
  settings: () => ServerSettings,
  events: ClientEvents,
): LanguageClient {
  const log = new ServerLog();
  let reason = "It stopped before it answered.";
  let over = false;
  const end = () => {
    if (over) return;
    over = true;
    setTimeout(() => events.ended(explainFailure(reason, log.lastLines)), LAST_WORDS_MS);
  };

  // A server that ran and crashed is started again, but not for ever: the default handler counts. One that never came
  // up would fail the same way the next time.
  const errorHandler: ErrorHandler = {
    error: (...error) => defaultHandler.error(...error),
    closed: async () => {
      const ran = client.isRunning();
      const result = ran ? await defaultHandler.closed() : { action: CloseAction.DoNotRestart };
      if (result.action === CloseAction.DoNotRestart) {
        if (ran) reason = "It crashed again and again.";
        end();
      }
      return { ...result, handled: true };
    },
  };
  const client = new QuietClient(
    "tabwright",
    "Tabwright",
    {
      command: command.command,
      args: [...command.args],
      transport: TransportKind.stdio, // appends --stdio
      // A folder of our own: the default would be the workspace, where Python could find modules to import.
      options: { cwd: folder, env: serverEnvironment(process.env) },
    },
    {
      documentSelector: DOCUMENTS,
      initializationOptions: settings, // a function: a restart after a crash reads them anew
      outputChannel: channel,
      revealOutputChannelOn: RevealOutputChannelOn.Never,
      stdioOptions: {
        stdout: () => undefined, // carries the protocol
        stderr: (stream, output) => log.follow(stream, output),
      },
      errorHandler,
      initializationFailedHandler: () => false, // no pop-up, no second attempt
      middleware: {
        workspace: {
          configuration: (params, token, next) =>
            params.items.every(({ section }) => section === "tabwright")
              ? params.items.map(settings)
              : next(params, token),
        },
      },
    },
  );
  const defaultHandler = client.createDefaultErrorHandler();

  client.onNotification("tabwright/status", (params: unknown) => events.status(params));
  // The server logs here for editors that hide its stderr. Ours shows stderr, where the same lines carry their time.
  client.onNotification(LogMessageNotification.method, () => undefined);
  client.onDidChangeState(({ newState }) => {
    if (newState === State.Starting) events.starting();
    if (newState === State.Running) events.running();
    if (newState === State.StartFailed) end();
  });
  client.start().catch((error: unknown) => {
    // A rejected request only says that the process is gone. Any other error says why.
    if (error instanceof ResponseError && error.code !== ErrorCodes.PendingResponseRejected) reason = error.message;
    if (!(error instanceof ResponseError)) reason = String(error);
    end();
  });
  return client;
}

/** The base class announces failed starts in pop-ups that offer no remedy. Ours does: see announce() in extension.ts. */
class QuietClient extends LanguageClient {
  override error(message: string, data?: unknown): void {
    super.error(message, data, false);
  }
}
