// What the server is told. The names are the server's; package.json describes them and gives their defaults.
// Values pass through unchecked: the server checks them once for every editor, and warns about bad ones.

/** Every key of the settings object the server reads. */
export const SERVER_SETTINGS = [
  "enable",
  "triggerMode",
  "showAbove",
  "showLinesAbove",
  "languages",
  "inComments",
  "inStrings",
  "debounceMs",
  "adaptDebounce",
  "deadlineMs",
  "invokedDeadlineMs",
  "maxLines",
  "candidates",
  "attribution",
  "indexProject",
  "threads",
  "engine",
  "engineUrl",
  "engineModel",
  "engineFim",
  "engineContext",
  "signals",
  "signalsText",
  "model",
  "logLevel",
] as const;

/** Settings that a running server cannot take over: a change of one starts a new server. */
export const SETTINGS_OF_A_START = [
  "server.command",
  "server.python",
  "model",
  "threads",
  "engine",
  "engineUrl",
  "engineModel",
  "engineFim",
  "engineContext",
  "signals",
  "signalsText",
] as const;

export type ServerSettings = Partial<Record<(typeof SERVER_SETTINGS)[number], unknown>>;

/** The settings object, read through `get` (the editor's configuration, without the `tabwright.` prefix). */
export function serverSettings(get: (key: string) => unknown, home: string): ServerSettings {
  const settings: ServerSettings = {};
  for (const key of SERVER_SETTINGS) {
    const value = get(key);
    if (value !== undefined) {
      settings[key] = key === "model" && typeof value === "string" ? expandHome(value, home) : value;
    }
  }
  return settings;
}

/** `~` and `~/x` as a shell would read them; anything else as it is. */
export function expandHome(path: string, home: string): string {
  return path === "~" || path.startsWith("~/") || path.startsWith("~\\") ? home + path.slice(1) : path;
}
