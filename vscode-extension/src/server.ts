// The life of the server: at most one, started, stopped and replaced in order.

import * as vscode from "vscode";
import { DidChangeConfigurationNotification, type LanguageClient } from "vscode-languageclient/node";
import { type ClientEvents, connect } from "./client";
import { NoServerError, resolveCommand } from "./command";
import { thisMachine } from "./machine";
import { type ServerSettings, serverSettings } from "./settings";
import { type Status, statusFromServer } from "./status";

/** What the server needs from the extension around it. */
export interface Surroundings {
  /** Where the server runs: a folder of the extension's own. */
  readonly folder: string;
  readonly channel: vscode.LogOutputChannel;
  show(status: Status): void;
  /** There is no server, and it takes the user to change that. */
  failed(why: string): void;
}

export class Server {
  private client: LanguageClient | undefined;
  private told = ""; // the settings the server has, as JSON
  private run = 0; // which start this is: what an earlier one still has to say is of no interest
  private queue: Promise<void> = Promise.resolve();

  constructor(private readonly around: Surroundings) {}

  /** Starts the server, or replaces the one that runs. */
  start(): Promise<void> {
    return this.next(async () => {
      await this.end();
      this.begin();
    });
  }

  stop(): Promise<void> {
    return this.next(async () => {
      await this.end();
      this.around.show({ state: "off", message: "" });
    });
  }

  /** Tells a running server its settings, if they have changed. One that is starting is told when it runs. */
  configure(): void {
    if (this.client?.isRunning() !== true) return;
    const told = this.told;
    const settings = this.settings();
    if (this.told !== told) {
      void this.client.sendNotification(DidChangeConfigurationNotification.type, { settings: { tabwright: settings } });
    }
  }

  private begin(): void {
    const run = ++this.run;
    const { channel, folder, show, failed } = this.around;
    const fail = (why: string) => {
      show({ state: "problem", message: why });
      failed(why);
    };
    const events: ClientEvents = {
      starting: () => show({ state: "starting", message: "" }),
      running: () => this.configure(),
      status: (params) => {
        const status = statusFromServer(params);
        if (status !== undefined) show(status);
      },
      ended: fail,
    };
    try {
      const configuration = vscode.workspace.getConfiguration("tabwright.server");
      const command = resolveCommand(
        { command: configuration.get<string[]>("command", []), python: configuration.get("python", "") },
        thisMachine(),
      );
      channel.info(`Starting ${[command.command, ...command.args].join(" ")}`);
      const current = onlyWhile(() => run === this.run, events);
      this.client = connect(command, folder, channel, () => this.settings(), current);
    } catch (error) {
      if (!(error instanceof NoServerError)) throw error;
      channel.error(error.message);
      fail(error.message);
    }
  }

  private async end(): Promise<void> {
    this.run++;
    const client = this.client;
    this.client = undefined;
    try {
      await client?.dispose();
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

function onlyWhile(holds: () => boolean, events: ClientEvents): ClientEvents {
  return {
    starting: () => holds() && events.starting(),
    running: () => holds() && events.running(),
    status: (params) => holds() && events.status(params),
    ended: (why) => holds() && events.ended(why),
  };
}
