// Tests inside the extension host: collected by name, run one after the other in one window, each told of as it ends.
// node:test is not used, because it takes over the process that it runs in, which here is the editor's.

import { ask } from "./bridge";

type Body = () => Promise<void>;

const PATIENCE_MS = 90_000;
const collected: { readonly name: string; readonly body: Body }[] = [];

/** Adds a test; its name is a sentence. */
export function test(name: string, body: Body): void {
  collected.push({ name, body });
}

/** Runs what was collected and matches `only`, a regular expression. */
export async function runAll(only: string): Promise<void> {
  for (const { name, body } of collected.filter((one) => new RegExp(only).test(one.name))) {
    const error = await failureOf(body);
    if (error !== undefined) await ask("keep", { name: name.replace(/\W+/g, "-") });
    await ask("result", { name, error });
  }
}

async function failureOf(body: Body): Promise<string | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it took longer than ${PATIENCE_MS / 1000} s`)), PATIENCE_MS);
  });
  try {
    await Promise.race([body(), late]);
    return undefined;
  } catch (error) {
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  } finally {
    clearTimeout(timer);
  }
}
