// Whose code a suggestion is, where it also stands in what the model was trained on: as the server says it in the
// command of an item, which is the only part of one that it can say it in. Pure; attributionMark.ts shows it.

/** One place in the training corpus. `license` is an SPDX expression; `tokens` are surely the same there. */
export interface Match {
  readonly project: string;
  readonly file: string;
  readonly license: string;
  readonly tokens: number;
}

export interface Mark {
  readonly text: string;
  readonly tooltip: string;
}

const MOST_KEPT = 50;

/** What the answers of this session said. */
export class Attributions {
  private readonly known = new Map<string, Match>();

  /** Keeps what an answer says; the mark for it, where there is something to be said. */
  take(answer: unknown): Mark | undefined {
    const found = itemsOf(answer).map(matchesOf);
    for (const match of found.flat()) this.keep(match);
    const which = found.findIndex((matches) => matches.length > 0);
    const match = found[which]?.[0];
    return match === undefined ? undefined : markOf(match, which, found.length);
  }

  /** A page about the suggestions of this session, the last first. */
  page(): string {
    const matches = [...this.known.values()].reverse();
    return [
      "# Whose code was suggested",
      "",
      matches.length === 0
        ? "No suggestion of this session stands in the code that the model was trained on."
        : "These suggestions, or what they go on with, also stand in the code that the model was trained on:",
      "",
      ...matches.map((match) => `- ${sentence(match)}`),
      "",
      "They are looked up on this machine, in an index of hashes beside the model. `tabwright.attribution` says whether such",
      "suggestions are marked, blocked, or not looked up.",
      "",
    ].join("\n");
  }

  private keep(match: Match): void {
    const key = JSON.stringify([match.project, match.file]);
    this.known.delete(key);
    this.known.set(key, match);
    for (const oldest of this.known.keys()) {
      if (this.known.size <= MOST_KEPT) break;
      this.known.delete(oldest);
    }
  }
}

/** The items of an answer, which may be a list of them or an object that has one. */
export function itemsOf(answer: unknown): readonly unknown[] {
  const items: unknown = Array.isArray(answer) ? answer : at(answer, "items");
  return Array.isArray(items) ? items : [];
}

/** What an item's text stands in, the longest match first. */
export function matchesOf(item: unknown): Match[] {
  const about: unknown = at(at(at(item, "command"), "arguments"), "1");
  const matches: unknown = at(about, "attribution");
  return Array.isArray(matches) ? matches.filter(isMatch) : [];
}

/** The texts of the items of an answer. */
export function textsOf(answer: unknown): string[] {
  return itemsOf(answer).flatMap((item) => {
    const text = at(item, "insertText");
    const plain = typeof text === "string" ? text : at(text, "value");
    return typeof plain === "string" ? [plain] : [];
  });
}

/**
 * Whether the editor still shows one of these texts, when `typed` stands where they began: the rest of what is being
 * typed stays on the screen, and one that stands there as a whole was taken.
 */
export function isShown(texts: readonly string[], typed: string): boolean {
  const begun = withLf(typed);
  return texts.map(withLf).some((text) => text.length > begun.length && text.startsWith(begun));
}

/** Whose code it is, in few words. */
export function owner({ project, license }: Match): string {
  return `${project}: ${license}`;
}

export function sentence({ project, file, license, tokens }: Match): string {
  return `${project}, ${file} (${license}): ${tokens} tokens or more`;
}

function markOf(match: Match, which: number, count: number): Mark {
  // Which of several is on the screen the editor does not tell.
  const subject = which === 0 ? "The suggestion" : `Suggestion ${which + 1} of ${count}`;
  return {
    text: `$(law) ${owner(match)}`,
    tooltip: `${subject} also stands in ${sentence(match)}.\nClick for all of this session.`,
  };
}

function isMatch(thing: unknown): thing is Match {
  const texts = [at(thing, "project"), at(thing, "file"), at(thing, "license")];
  return texts.every((text) => typeof text === "string") && typeof at(thing, "tokens") === "number";
}

function withLf(text: string): string {
  return text.replaceAll("\r\n", "\n");
}

function at(thing: unknown, key: string): unknown {
  return typeof thing === "object" && thing !== null ? (thing as Record<string, unknown>)[key] : undefined;
}
