// One connection to one server, over stdio. Suggestions need no code here: the language client registers itself as a
// provider of inline completions as soon as the server says that it has some.

import { InlineCompletionTriggerKind, type LogOutputChannel, type Position, type TextDocument } from "vscode";
import {
  CloseAction,
  ErrorCodes,
  type ErrorHandler,
  LanguageClient,
  LogMessageNotification,
  MessageType,
  ResponseError,
  RevealOutputChannelOn,
  ShowMessageNotification,
  type ShowMessageParams,
  State,
  type StaticFeature,
  TransportKind,
} from "vscode-languageclient/node";
import { type ServerCommand, serverEnvironment } from "./command";
import { DOCUMENTS } from "./documents";
import { explainFailure, type Failure } from "./failure";
import { ServerLog } from "./log";
import type { ServerSettings } from "./settings";

/** What happens to the connection, in the order it can happen. */
export interface ClientEvents {
  /** A server process is being started. */
  starting(): void;
  /** The server takes requests. It says by itself when its model is loaded. */
  running(): void;
  /** A `tabwright/status` notification. */
  status(params: unknown): void;
  /** The editor has an answer to a request for suggestions. */
  offered(answer: unknown, request: Request): void;
  /** The server runs, but not as it should: a model cannot be loaded, or (a warning) a setting is not understood. */
  problem(failure: Failure): void;
  /** There is no server any more. `crashed`: it ran before, so that another attempt may go well. */
  ended(failure: Failure, crashed: boolean): void;
}

/** Where the editor asked for suggestions, and whether because a person did. */
export interface Request {
  readonly document: TextDocument;
  readonly position: Position;
  readonly isAsked: boolean;
}

// The server tells its state only to those who want it: to other editors it is a message that they do not know.
const WANTS_STATUS: StaticFeature = {
  fillClientCapabilities: (capabilities) => {
    capabilities.experimental = { ...(capabilities.experimental as object | undefined), tabwright: { status: true } };
  },
  initialize: () => undefined,
  getState: () => ({ kind: "static" }),
  clear: () => undefined,
};

// Stderr is a pipe of its own: the last words may arrive a little after the connection is gone.
const LAST_WORDS_MS = 200;

/** Starts the server and connects to it. What becomes of it is told to `events`. */
export function connect(
  command: ServerCommand,
  folder: string,
  channel: LogOutputChannel,
  settings: () => ServerSettings,
  during: <T>(request: Thenable<T>) => Promise<T>,
  events: ClientEvents,
): Connection {
  const log = new ServerLog();
  let reason = "It stopped before it answered.";
  let over = false;
  let answered = false; // it may say that it is ready before the client has noticed that it runs
  const end = (crashed: boolean) => {
    if (over) return;
    over = true;
    setTimeout(() => events.ended(explainFailure(reason, log.lastLines), crashed), LAST_WORDS_MS);
  };

  const errorHandler: ErrorHandler = {
    error: (...error) => defaultHandler.error(...error),
    closed: () => {
      // Whether and when there is another attempt is for server.ts to say.
      const ran = client.isRunning() || answered;
      if (ran) reason = "It stopped unexpectedly.";
      end(ran);
      return { action: CloseAction.DoNotRestart, handled: true };
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
      initializationOptions: settings,
      outputChannel: channel,
      revealOutputChannelOn: RevealOutputChannelOn.Never,
      stdioOptions: {
        stdout: () => undefined, // carries the protocol
        stderr: (stream, output) => log.follow(stream, output),
      },
      errorHandler,
      initializationFailedHandler: () => false, // no pop-up, no second attempt
      middleware: {
        provideInlineCompletionItems: async (document, position, context, token, next) => {
          const answer = await during(Promise.resolve(next(document, position, context, token)));
          const isAsked = context.triggerKind === InlineCompletionTriggerKind.Invoke;
          events.offered(answer, { document, position, isAsked });
          return answer;
        },
        workspace: {
          // server.ts tells the settings. The client would send the whole section, what only we read included.
          didChangeConfiguration: () => Promise.resolve(),
          configuration: (params, token, next) =>
            params.items.every(({ section }) => section === "tabwright")
              ? params.items.map(settings)
              : next(params, token),
        },
      },
    },
  );
  const defaultHandler = client.createDefaultErrorHandler();

  client.registerFeature(WANTS_STATUS);
  client.onNotification("tabwright/status", (params: unknown) => {
    answered = true;
    events.status(params);
  });
  // The server logs here for editors that hide its stderr. Ours shows stderr, where the same lines carry their time.
  client.onNotification(LogMessageNotification.method, () => undefined);
  client.onNotification(ShowMessageNotification.method, ({ type, message }: ShowMessageParams) => {
    const said = message.replace(/^Tabwright: /, "");
    if (type === MessageType.Error) {
      events.problem({ message: said, remedies: ["restart", "openSettings", "showLog"] });
    } else {
      events.problem({ message: said, remedies: ["openSettings", "showLog"], isWarning: true });
    }
  });
  client.onDidChangeState(({ newState }) => {
    if (newState === State.Starting) events.starting();
    if (newState === State.Running) events.running();
    if (newState === State.StartFailed) end(answered);
  });
  const settled = client.start().catch((error: unknown) => {
    // A rejected request only says that the process is gone. Any other error says why.
    if (error instanceof ResponseError && error.code !== ErrorCodes.PendingResponseRejected) reason = error.message;
    if (!(error instanceof ResponseError)) reason = String(error);
    end(answered);
  });
  return { client, close: () => close(client, settled) };
}

export interface Connection {
  readonly client: LanguageClient;
  /** Ends the server and forgets all that it registered in the editor. */
  close(): Promise<void>;
}

/**
 * A client that is starting cannot be stopped: it would go on, register its commands, and be in the way of the next.
 * So its process is killed first; it has nothing yet that could be lost.
 */
async function close(client: LanguageClient, settled: Promise<void>): Promise<void> {
  while (client.state === State.Starting) {
    client.serverProcess?.kill("SIGKILL");
    await Promise.race([settled, new Promise((done) => setTimeout(done, 50))]);
  }
  await client.dispose();
}

/** The base class announces failed starts in pop-ups that offer no remedy. Ours does: see remedies.ts. */
class QuietClient extends LanguageClient {
  override error(message: string, data?: unknown): void {
    super.error(message, data, false);
  }
}
