// Records the pictures of the README that move: `npm run record`, after the package was built. The real VS Code with
// the package and the model that ships, keys pressed at the pace of a person, each frame as the browser painted it and
// for as long as it stood. It writes media/typing.gif; the wait for a suggestion is the machine's own.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { inPlace } from "./place.mjs";
import { Screen } from "./screen.mjs";
import { openWindow, pause } from "./window.mjs";

const SIZE = { width: 800, height: 420 };
const KEY_MS = 95;
const READ_MS = 1100; // how long somebody looks at a suggestion
const LOOKS = {
  "editor.fontSize": 16,
  "editor.lineNumbers": "off",
  "editor.folding": false,
  "editor.glyphMargin": false,
  "breadcrumbs.enabled": false,
  "window.commandCenter": false,
  "workbench.activityBar.location": "hidden",
  "workbench.layoutControl.enabled": false,
  "workbench.editor.editorActionsLocation": "hidden",
  "editor.cursorBlinking": "solid", // a blink is a frame
  "editor.renderLineHighlight": "none",
  "editor.stickyScroll.enabled": false,
  "editor.scrollbar.vertical": "hidden",
  "editor.overviewRulerBorder": false,
};
const TEXT = `class Circle:
    def __init__(self, x, y, radius):
        self.x = x
        self.y = y
        self.radius = radius

    def move(self, dx, dy):
        self.x += dx
        self.y += dy


class Square:
    def __init__(self, x, y, side):
        self.x = x
        self.y = y
        self.side = side
`;

async function record(common, folder) {
  const settings = { ...LOOKS, "tabwright.server.python": common.python };
  const plan = { ...common, files: { "shapes.py": TEXT }, settings, opens: "shapes.py", suites: undefined, size: SIZE };
  const window = await openWindow(plan);
  try {
    const screen = new Screen(window, folder);
    await screen.open();
    await screen.says("ready");
    await screen.press("Control+B"); // no side bar
    await pause(1500);
    const film = await begin(window.page, folder);
    await act(screen);
    return await film.end();
  } finally {
    await window.close();
  }
}

/** What is to be seen: the rest of a line taken with Tab, then two lines, taken first by words and then whole. */
async function act(screen) {
  await pause(400);
  await screen.press("Enter");
  await screen.type("    def mo", KEY_MS);
  await screen.ghost();
  await pause(READ_MS);
  await screen.press("Tab");
  await pause(300);
  await screen.press("Enter");
  await screen.ghost();
  await pause(READ_MS);
  for (const key of ["Control+ArrowRight", "Control+ArrowRight", "Control+ArrowRight", "Tab"]) {
    await screen.press(key);
    await pause(READ_MS / 2);
  }
}

/** Keeps what the page paints, and when. */
async function begin(page, folder) {
  const session = await page.context().newCDPSession(page);
  const times = [];
  session.on("Page.screencastFrame", ({ data, metadata, sessionId }) => {
    writeFileSync(join(folder, `${String(times.length).padStart(4, "0")}.png`), Buffer.from(data, "base64"));
    times.push(metadata.timestamp);
    void session.send("Page.screencastFrameAck", { sessionId });
  });
  await session.send("Page.startScreencast", { format: "png", maxWidth: SIZE.width, maxHeight: SIZE.height });
  const end = async () => {
    const over = Date.now() / 1000;
    await session.send("Page.stopScreencast");
    return [...times, over];
  };
  return { end };
}

const folder = mkdtempSync(join(tmpdir(), "tabwright-film-"));
try {
  const common = inPlace();
  const times = await record(common, folder);
  writeFileSync(join(folder, "times.json"), JSON.stringify(times));
  const out = resolve(import.meta.dirname, "..", "..", "media", "typing.gif");
  execFileSync(common.python, ["-I", join(import.meta.dirname, "film.py"), folder, out], { stdio: "inherit" });
} finally {
  rmSync(folder, { recursive: true });
}
