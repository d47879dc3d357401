// The suites that need one folder, in the order they run: those that stop or replace the server come last.

import { activation } from "./activation";
import { accepting } from "./accepting";
import { commands } from "./commands";
import { failures } from "./failures";
import { menus } from "./menus";
import { texts } from "./texts";
import { typing } from "./typing";

export function oneFolder(): void {
  for (const suite of [activation, typing, accepting, menus, texts, commands, failures]) suite();
}
