// What the status bar says, as text. Pure; statusBar.ts puts it on the screen.

/** `starting`, `ready`, `silent` and `problem` are the server's own words; `off` and `thinking` are the editor's. */
export type State = "starting" | "ready" | "thinking" | "silent" | "off" | "problem";

export interface Status {
  readonly state: State;
  /** One sentence, or empty. */
  readonly message: string;
}

export interface StatusText {
  readonly text: string;
  readonly tooltip: string;
  readonly warn: boolean;
}

const ICONS: Readonly<Record<State, string>> = {
  starting: "loading~spin",
  ready: "sparkle",
  thinking: "loading~spin",
  silent: "circle-slash",
  off: "circle-slash",
  problem: "warning",
};

const WORDS: Readonly<Record<State, string>> = {
  starting: "starting",
  ready: "ready",
  thinking: "thinking",
  silent: "off here",
  off: "off",
  problem: "problem",
};

const MEANINGS: Readonly<Record<State, string>> = {
  starting: "The completion server is starting.",
  ready: "Code completion is ready.",
  thinking: "A suggestion is being computed.",
  silent: "There is no code completion for this language.",
  off: "Code completion is off.",
  problem: "Code completion does not work.",
};

export function statusText({ state, message }: Status): StatusText {
  return {
    text: `$(${ICONS[state]}) Tabwright: ${WORDS[state]}`,
    tooltip: `${message === "" ? MEANINGS[state] : message}\nClick for the menu.`,
    warn: state === "problem",
  };
}

/** The status of a `tabwright/status` notification; undefined if it is not one that is known here. */
export function statusFromServer(params: unknown): Status | undefined {
  if (typeof params !== "object" || params === null) return undefined;
  const { state, message } = params as Record<string, unknown>;
  switch (state) {
    case "starting":
    case "ready":
    case "silent":
    case "problem":
      return { state, message: typeof message === "string" ? message : "" };
    default:
      return undefined; // a newer server may know more states
  }
}
