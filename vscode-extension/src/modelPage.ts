// What the server tells of its model, as Markdown to read. Pure.

/** The page of an answer to `tabwright/model` (model/serving/card.py has its words); undefined if it is none. */
export function modelPage(answer: unknown): string | undefined {
  const told = record(answer);
  const sums = record(told?.["sha256"]);
  if (told === undefined || sums === undefined) return undefined;
  const text = (key: string) => (typeof told[key] === "string" ? told[key].trim() : "");
  const facts = [
    ["Licence", text("license") || "not told"],
    ["Folder", text("folder")],
    ["Problem", text("problem")],
  ].filter(([, value]) => value !== "");
  const cell = (sum: unknown) => (typeof sum === "string" ? `\`${sum}\`` : "cannot be read");
  const rows = Object.entries(sums).map(([name, sum]) => `| \`${name}\` | ${cell(sum)} |`);
  return withoutPictures([
    `# ${text("name") || "A model without a name"}`,
    facts.map(([name, value]) => `- ${name}: ${value}`).join("\n"),
    ...(rows.length === 0 ? [] : [["| File | SHA-256 |", "|-|-|", ...rows].join("\n")]),
    text("text") === "" ? "There is no model card beside this model." : `---\n\n${text("text")}`,
    "",
  ].join("\n\n"));
}

/**
 * Pictures of a card lie beside it, in a folder that the editor may not read; their words remain. What is left of other
 * forms, and HTML, could have the preview fetch something from a network: it is only text.
 */
function withoutPictures(markdown: string): string {
  const words = markdown.replace(/!\[([^\]]*)\]\([^)]*\)/g, "*$1*");
  return words.replace(/!(?=\[)/g, "\\!").replace(/<(?=[a-z/!?])/gi, "&lt;");
}

function record(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
}
