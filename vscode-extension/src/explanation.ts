// What `tabwright complete --json --explain` answers, as a text to read. Pure.

export interface Answer {
  readonly text: string | null;
  readonly reason?: string;
  readonly milliseconds: number;
  readonly explanation: readonly string[];
}

/** `place` names the file, line and column, as `a.py:3:5`. */
export function explanationText(answer: Answer, place: string): string {
  const suggestion =
    answer.text === null
      ? `Nothing is suggested: ${answer.reason ?? "no reason was given"}.`
      : ["Suggested", "", ...answer.text.split("\n").map((line) => `    ${line}`)].join("\n");
  return [
    place,
    "",
    suggestion,
    "",
    "Why",
    "",
    ...answer.explanation.map((sentence) => `    ${sentence}`),
    "",
    `Computed anew in ${Math.round(answer.milliseconds)} ms, as for somebody who asks; what was on the screen may have`,
    "been another: the server also knows what you typed, accepted and dismissed before.",
    "",
  ].join("\n");
}
