// The life of the server: at most one, started, stopped and replaced in order, and started again when it crashes.

import * as vscode from "vscode";
import {
  DidChangeConfigurationNotification,
  type InlineCompletionItem,
  InlineCompletionRequest,
  InlineCompletionTriggerKind,
} from "vscode-languageclient/node";
import { type ClientEvents, type Connection, connect, type Request } from "./client";
import { type KnownPythons, NoServerError, resolveCommand, type ServerCommand } from "./command";
import { type Failure, FailureError } from "./failure";
import { thisMachine } from "./machine";
import { Restarts } from "./restarts";
import { SETTINGS_OF_A_START, type ServerSettings, serverSettings } from "./settings";
import { type Status, statusFromServer } from "./status";
import { isEnabled } from "./switches";

/** What the server needs from the extension around it. */
export interface Surroundings {
  /** Where the server runs: a folder of the extension's own. */
  readonly folder: string;
  readonly channel: vscode.LogOutputChannel;
  known(): KnownPythons;
  show(status: Status): void;
  /** Follows a request for suggestions, to show that it takes long. */
  during<T>(request: Thenable<T>): Promise<T>;
  /** There is an answer to a request for suggestions: for the editor, or, without one, for a list. */
  offered(answer: unknown, request?: Request): void;
  /** There is no completion, and it takes the user to change that. */
  failed(failure: Failure): void;
}

export class Server {
  private command: ServerCommand | undefined; // what was started last
  private isMissing = false; // nothing was found that could be started
  private isStarting = false;
  private connection: Connection | undefined;
  private told = ""; // the settings the server has, as JSON
  private startedWith = ""; // those that only a start takes over, as JSON
  private run = 0; // which start this is: what an earlier one still has to say is of no interest
  private queue: Promise<void> = Promise.resolve();
  private readonly restarts = new Restarts();

  constructor(private readonly around: Surroundings) {}

  /** Starts the server, or replaces the one that runs. */
  start(): Promise<void> {
    this.restarts.forget();
    return this.replace();
  }

  stop(): Promise<void> {
    return this.next(async () => {
      await this.end();
      this.around.show({ state: "off", message: "" });
    });
  }

  /** Starts the server if none was found before and one is found now. */
  async retry(): Promise<void> {
    if (!this.isMissing) return;
    try {
      await this.find();
    } catch {
      return; // has been said
    }
    await this.start();
  }

  /** Throws FailureError if there is no server that could be asked. */
  expect(): void {
    if (this.connection?.client.isRunning() === true) return;
    if (!isEnabled()) throw new FailureError("Completion is switched off.", ["turnOn"], true);
    if (this.isStarting) throw new FailureError("The completion server is still starting.", ["showLog"], true);
    throw new FailureError("The completion server is not running.", ["restart", "showLog"]);
  }

  /** The command that starts the server, whether or not it runs; throws NoServerError. */
  async installation(): Promise<ServerCommand> {
    return this.command ?? (await this.find());
  }

  /** Takes changed settings over: those of a start by another start, the others by telling them. */
  apply(): Promise<void> {
    if (settingsOfAStart() !== this.startedWith) return this.start();
    this.configure();
    return Promise.resolve();
  }

  /** Tells a running server its settings, if they have changed. One that is starting is told when it runs. */
  private configure(): void {
    const client = this.connection?.client;
    if (client?.isRunning() !== true) return;
    const told = this.told;
    const settings = this.settings();
    if (this.told !== told) {
      void client.sendNotification(DidChangeConfigurationNotification.type, { settings: { tabwright: settings } });
    }
  }

  /** The suggestions for somebody who asks, the best first; undefined if there is no server to ask. */
  async suggest(
    document: vscode.TextDocument,
    position: vscode.Position,
    token: vscode.CancellationToken,
  ): Promise<readonly InlineCompletionItem[] | undefined> {
    const client = this.connection?.client;
    if (client?.isRunning() !== true) return undefined;
    const parameters = {
      textDocument: client.code2ProtocolConverter.asTextDocumentIdentifier(document),
      position: client.code2ProtocolConverter.asPosition(position),
      context: { triggerKind: InlineCompletionTriggerKind.Invoked },
    };
    const request = client.sendRequest(InlineCompletionRequest.type, parameters, token);
    const answer = await this.around.during(request);
    this.around.offered(answer);
    return Array.isArray(answer) ? answer : (answer?.items ?? []);
  }

  /** The answer to a request without parameters; undefined if there is no server to ask. Throws ResponseError. */
  async ask(method: string): Promise<unknown> {
    const client = this.connection?.client;
    return client?.isRunning() === true ? await client.sendRequest(method) : undefined;
  }

  private replace(): Promise<void> {
    return this.next(async () => {
      await this.end();
      await this.begin();
    });
  }

  private async begin(): Promise<void> {
    const run = ++this.run;
    const { channel, folder, show, failed } = this.around;
    const fail = (failure: Failure) => {
      this.isStarting = false;
      show({ state: "problem", message: failure.message });
      failed(failure);
    };
    const events: ClientEvents = {
      starting: () => show({ state: "starting", message: "" }),
      running: () => {
        this.isStarting = false;
        this.configure();
      },
      status: (params) => {
        const status = statusFromServer(params);
        if (status !== undefined) show(status);
      },
      offered: (answer, request) => this.around.offered(answer, request),
      problem: failed,
      ended: (failure, crashed) => {
        channel.error(failure.message);
        const pause = crashed ? this.restarts.pauseAfterCrash(Date.now()) : undefined;
        if (pause === undefined) {
          fail(crashed ? { ...failure, message: `${failure.message} It has crashed again and again.` } : failure);
          return;
        }
        this.isStarting = true;
        const message = `The completion server crashed. It is started again in ${pause / 1000} s.`;
        channel.warn(message);
        show({ state: "starting", message });
        setTimeout(() => run === this.run && void this.replace(), pause);
      },
    };
    show({ state: "starting", message: "" });
    this.startedWith = settingsOfAStart();
    this.command = undefined;
    this.isMissing = false;
    this.isStarting = true;
    try {
      this.command = await this.find();
      channel.info(`Starting ${[this.command.command, ...this.command.args].join(" ")}`);
      const current = onlyWhile(() => run === this.run, events);
      const during = <T>(request: Thenable<T>) => this.around.during(request);
      this.connection = connect(this.command, folder, channel, () => this.settings(), during, current);
    } catch (error) {
      if (!(error instanceof NoServerError)) throw error;
      this.isMissing = true;
      channel.error(error.message);
      fail(error);
    }
  }

  private find(): Promise<ServerCommand> {
    const configuration = vscode.workspace.getConfiguration("tabwright.server");
    const settings = { command: configuration.get<string[]>("command", []), python: configuration.get("python", "") };
    return resolveCommand(settings, thisMachine(), this.around.known());
  }

  private async end(): Promise<void> {
    this.run++;
    this.isMissing = this.isStarting = false;
    const connection = this.connection;
    this.connection = undefined;
    try {
      await connection?.close();
    } catch (error) {
      // It had not come up, or did not answer; its process has been ended all the same.
      this.around.channel.debug(String(error));
    }
  }

  private settings(): ServerSettings {
    const configuration = vscode.workspace.getConfiguration("tabwright");
    const settings = serverSettings((key) => configuration.get(key), thisMachine().home);
    this.told = JSON.stringify(settings);
    return settings;
  }

  /** One thing after the other: a second restart waits until the first has let go of its server. */
  private next(work: () => Promise<void>): Promise<void> {
    this.queue = this.queue.then(work, work);
    return this.queue;
  }
}

/** As they count now: that a workspace names one of them, which changes nothing, is no reason to start again. */
function settingsOfAStart(): string {
  const configuration = vscode.workspace.getConfiguration("tabwright");
  return JSON.stringify(SETTINGS_OF_A_START.map((key) => configuration.get(key)));
}

function onlyWhile(holds: () => boolean, events: ClientEvents): ClientEvents {
  return {
    starting: () => holds() && events.starting(),
    running: () => holds() && events.running(),
    status: (params) => holds() && events.status(params),
    offered: (answer, request) => holds() && events.offered(answer, request),
    problem: (failure) => holds() && events.problem(failure),
    ended: (failure, crashed) => holds() && events.ended(failure, crashed),
  };
}
