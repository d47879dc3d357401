// Why the server is not running, in words that help. Pure: the causes arrive as text, from the operating system (no
// such file) or from the server's own last words on stderr.

/**
 * One sentence for the user.
 * `reason` is what is known from outside, as a sentence; `lines` the end of the server's stderr, oldest first.
 */
export function explainFailure(reason: string, lines: readonly string[]): string {
  const missing = missingModule(lines);
  if (missing === "lsp_server") {
    return 'The Python that was found lacks Tabwright. Install it there, or set "tabwright.server.python".';
  }
  if (missing !== undefined) {
    return `The Python module "${missing}" is missing. Install Tabwright again, or set "tabwright.server.python".`;
  }
  const said = lines.findLast((line) => line.trim() !== "" && !isChatter(line))?.trim();
  return said === undefined
    ? `The completion server is not running. ${reason}`
    : `The completion server stopped: ${said}`;
}

function missingModule(lines: readonly string[]): string | undefined {
  for (const line of lines.toReversed()) {
    const module = /No module named '?([\w.]+)'?/.exec(line)?.[1];
    if (module !== undefined) return module;
  }
  return undefined;
}

/** A line of the log that tells what went well: it does not explain an end. */
function isChatter(line: string): boolean {
  return /\b(DEBUG|INFO)\b/.test(line.slice(0, 60));
}
