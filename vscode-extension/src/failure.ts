// Why there is no server, in words that help, and what can be done about it. Pure: the causes arrive as text, from the
// operating system (no such file) or from the server's own last words on stderr. remedies.ts does what is named here.

export type Remedy = "install" | "choosePython" | "getPython" | "openSettings" | "restart" | "showLog" | "turnOn";

/** One or two sentences for the user, and what to offer, the likeliest first. */
export interface Failure {
  readonly message: string;
  readonly remedies: readonly Remedy[];
  /** Completion works all the same. */
  readonly isWarning?: boolean;
}

/** A failure that can be thrown. */
export class FailureError extends Error implements Failure {
  constructor(
    message: string,
    readonly remedies: readonly Remedy[],
    readonly isWarning = false,
  ) {
    super(message);
  }
}

export const OLDEST_PYTHON = [3, 11] as const;

/**
 * What became of a server.
 * `reason` is what is known from outside, as a sentence; `lines` the end of its stderr, oldest first.
 */
export function explainFailure(reason: string, lines: readonly string[]): Failure {
  const missing = missingModule(lines);
  if (missing === "lsp_server" || missing === "tabwright") {
    return {
      message: 'The Python that "tabwright.server.python" or the PATH names does not have Tabwright installed.',
      remedies: ["install", "choosePython", "showLog"],
    };
  }
  if (missing !== undefined) {
    return {
      message: `The Python module "${missing}" is missing: the installation of Tabwright is not whole.`,
      remedies: ["install", "choosePython", "showLog"],
    };
  }
  if (lines.some((line) => /^\s*SyntaxError\b|Unknown option: -I\b/.test(line))) {
    return {
      message: `That Python is too old: Tabwright needs ${OLDEST_PYTHON.join(".")} or newer.`,
      remedies: ["choosePython", "install", "showLog"],
    };
  }
  const said = lines.findLast((line) => line.trim() !== "" && !isChatter(line))?.trim();
  return {
    message:
      said === undefined ? `The completion server is not running. ${reason}` : `The completion server stopped: ${said}`,
    remedies: ["restart", "showLog", "openSettings"],
  };
}

function missingModule(lines: readonly string[]): string | undefined {
  for (const line of lines.toReversed()) {
    const module = /No module named '?([\w.]+)'?/.exec(line)?.[1];
    if (module !== undefined) return module;
  }
  return undefined;
}

/** A line of the log that tells what went well: it does not explain an end. */
function isChatter(line: string): boolean {
  return /\b(DEBUG|INFO)\b/.test(line.slice(0, 60));
}
