// Which documents the server sees.

import type { DocumentFilter } from "vscode";

// Add a language here and in package.json's activationEvents. The server has the last word: it is silent in languages
// its model was not trained on, so a language that is listed too early costs nothing but the traffic.
const LANGUAGES = ["python"];

/** Files on the disk and files that are not saved yet; not diffs, git revisions or other virtual documents. */
export const DOCUMENTS = LANGUAGES.flatMap((language) => [
  { scheme: "file", language },
  { scheme: "untitled", language },
]) satisfies DocumentFilter[];
