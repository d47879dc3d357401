// The page of the statistics: what `tabwright stats --html` writes, in the colours of the editor. Pure.
//
// Not here: the figures and how they are drawn (lsp_server/signals/).

export const DAYS = 30;

// Beside the page's own policy, not in its place: what either forbids is forbidden.
const POLICY = `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">`;
const COLOURS = `<style>
:root, body { color-scheme: unset; --ink: var(--vscode-editor-foreground); --paper: var(--vscode-editor-background);
  --faint: var(--vscode-descriptionForeground); --line: var(--vscode-widget-border, var(--vscode-panel-border)); }
body { font-family: var(--vscode-font-family); background: var(--paper); color: var(--ink); }
.note { color: var(--ink); border: 1px solid var(--line); padding: .6rem 1rem; }
a.button { display: inline-block; padding: .3rem .8rem; text-decoration: none; border-radius: 2px;
  background: var(--vscode-button-background); color: var(--vscode-button-foreground); }
</style>`;
const NOTHING = `<p>Nothing was kept in the last ${DAYS} days. A suggestion is counted once it is clear what became of it.</p>`;

/**
 * `page` is what the tool wrote, undefined where it had nothing to tell; `setting` the command that opens
 * `tabwright.signals`, where that is off.
 */
export function statisticsPage(page: string | undefined, setting?: readonly [string, unknown]): string {
  const note = setting === undefined ? "" : off(...setting);
  if (page === undefined) {
    const head = `<meta charset="utf-8">${POLICY}<title>Tabwright: suggestions</title>${COLOURS}`;
    return `<!doctype html>\n<html lang="en"><head>${head}</head><body><h1>Suggestions</h1>${note || NOTHING}</body></html>\n`;
  }
  return page
    .replace("<head>", () => `<head>${POLICY}`)
    .replace("</head>", () => `${COLOURS}</head>`)
    .replace("<body>", () => `<body>${note}`);
}

function off(command: string, argument: unknown): string {
  const link = `command:${command}?${encodeURIComponent(JSON.stringify([argument]))}`;
  return `<p class="note">Tabwright does not keep what becomes of suggestions: the setting <code>tabwright.signals</code> is
off, as it is unless you turn it on. Kept would be when, language, sizes, latency and outcome, in a file on this machine;
no text, no path, and nothing is sent.<br><br><a class="button" href="${link}">Open the Setting</a></p>`;
}
