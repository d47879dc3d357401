// What `tabwright complete --json --explain` answers, as a text to read. Pure.

export interface Answer {
  readonly text: string | null;
  readonly reason?: string;
  readonly milliseconds: number;
  readonly explanation: readonly string[];
}

/** `place` names the file, line and column, as `a.py:3:5`; `before` is what stands before it in its line. */
export function explanationText(answer: Answer, place: string, before = ""): string {
  const indentation = before.trim() === "" ? before : ""; // so that the lines stand under each other as in the file
  const suggestion =
    answer.text === null
      ? `Nothing is suggested: ${answer.reason ?? "no reason was given"}.`
      : ["Suggested", "", ...(indentation + answer.text).split("\n").map((line) => `    ${line}`)].join("\n");
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
