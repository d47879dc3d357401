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

/** Follows the answers to the editor's requests: what is on the screen now, and what was before. */
export class Attributions {
  private readonly known = new Map<string, Match>();

  /** `show` is called with each answer; with nothing where nothing is to be said of it. */
  constructor(private readonly show: (mark: Mark | undefined) => void) {}

  /** Looks at what a request brings, and gives it on. */
  async of<T>(request: Promise<T>): Promise<T> {
    const answer = await request;
    const matches = matchesIn(answer);
    for (const match of matches) this.keep(match);
    this.show(matches[0] === undefined ? undefined : markOf(matches[0]));
    return answer;
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

/** All matches of the items of an answer, which may be a list of them or an object that has one. */
export function matchesIn(answer: unknown): Match[] {
  const items: unknown = Array.isArray(answer) ? answer : at(answer, "items");
  if (!Array.isArray(items)) return [];
  return items.flatMap((item: unknown) => {
    const about: unknown = at(at(at(item, "command"), "arguments"), "1");
    const matches: unknown = at(about, "attribution");
    return Array.isArray(matches) ? matches.filter(isMatch) : [];
  });
}

export function sentence({ project, file, license, tokens }: Match): string {
  return `${project}, ${file} (${license}): ${tokens} tokens or more`;
}

function markOf(match: Match): Mark {
  return {
    text: `$(law) ${match.project}: ${match.license}`,
    tooltip: `The suggestion also stands in ${sentence(match)}.\nClick for all of this session.`,
  };
}

function isMatch(thing: unknown): thing is Match {
  const texts = [at(thing, "project"), at(thing, "file"), at(thing, "license")];
  return texts.every((text) => typeof text === "string") && typeof at(thing, "tokens") === "number";
}

function at(thing: unknown, key: string): unknown {
  return typeof thing === "object" && thing !== null ? (thing as Record<string, unknown>)[key] : undefined;
}
