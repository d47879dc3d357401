// The server logs on stderr (stdout carries the protocol). Its lines go to the output channel, and the last few are
// kept: if the server dies, they say why.

import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import type { LogOutputChannel } from "vscode";

const KEPT_LINES = 20;

export class ServerLog {
  private kept: string[] = [];

  get lastLines(): readonly string[] {
    return this.kept;
  }

  follow(stream: Readable, channel: Pick<LogOutputChannel, "error" | "warn" | "info">): void {
    createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY }).on("line", (line) => {
      this.kept = [...this.kept, line].slice(-KEPT_LINES);
      channel[levelOf(line)](line);
    });
  }
}

/**
 * The channel's level for a line of Python's logging. Debug lines count as info: `tabwright.logLevel` has already
 * decided that they are wanted, and the channel would hide them a second time.
 */
export function levelOf(line: string): "error" | "warn" | "info" {
  const level = /\b(DEBUG|INFO|WARNING|ERROR|CRITICAL)\b/.exec(line.slice(0, 60))?.[1];
  if (level === "ERROR" || level === "CRITICAL") return "error";
  return level === "WARNING" ? "warn" : "info";
}
