// How Tabwright's settings are opened. In a remote window the settings of the machine are the remote's, and the page of
// the user's own settings does not even list them.

import { env } from "vscode";

/** A command of the editor, with its argument. */
export type SettingsCommand = readonly [command: string, argument: { readonly query: string }];

/** Opens one setting by its whole name, or all of Tabwright's and no others that happen to mention it. */
export function settingsCommand(name?: string): SettingsCommand {
  const query = name === undefined ? "@ext:tabwright.tabwright" : `@id:${name}`;
  return [`workbench.action.${env.remoteName === undefined ? "openSettings" : "openRemoteSettings"}`, { query }];
}
