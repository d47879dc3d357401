// How VS Code feels to somebody who types: presses the keys of a plan with a person's pauses, and keeps each repaint
// of the line that the cursor is in. `tests/editors/feel.py` makes the plan, starts this and makes figures of it.
//
//     node test/vscode/feel.mjs PLAN RESULT
//
// PLAN: {pieces, builds: {name: {server: [COMMAND...]}}} as JSON. RESULT: {version, builds: {name: [{pressed, frames}]}}.
// Keys count from when the browser has them, frames from when they have been painted; milliseconds since 1970.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { Screen } from "./screen.mjs";
import { tools } from "./tools.mjs";
import { openWindow, pause } from "./window.mjs";

const EXTENSION = resolve(import.meta.dirname, "..", "..");
const KEPT = join(EXTENSION, "dist", "feel");
const LAST_MS = 1500; // for what comes behind the last key
// The plan knows no other indentation than the line's own; a cursor that blinks would repaint.
const SETTINGS = { "editor.autoIndent": "keep", "editor.cursorBlinking": "solid", "tabwright.logLevel": "debug" };

const [planFile, resultFile] = process.argv.slice(2);
if (resultFile === undefined) throw new Error("usage: node test/vscode/feel.mjs PLAN RESULT");
const plan = JSON.parse(readFileSync(planFile, "utf8"));
const { version: ours } = JSON.parse(readFileSync(join(EXTENSION, "package.json"), "utf8"));
const vsix = join(EXTENSION, "dist", `tabwright-${ours}.vsix`);
if (!existsSync(vsix)) throw new Error(`there is no ${vsix}; \`npm run package\` makes it`);
const found = tools();
mkdirSync(KEPT, { recursive: true });
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));

const files = Object.fromEntries(plan.pieces.map(({ name, text }) => [name, text]));
const builds = {};
for (const [name, { server }] of Object.entries(plan.builds)) {
  const settings = { ...SETTINGS, "tabwright.server.command": server };
  const window = await openWindow({ tools: found, vsix, files, settings, opens: plan.pieces[0].name, kept: KEPT });
  try {
    const screen = new Screen(window, KEPT);
    await screen.open();
    await screen.says("ready");
    await window.page.evaluate(record);
    builds[name] = [];
    for (const piece of plan.pieces) builds[name].push(await type(screen, piece));
  } catch (error) {
    await window.keep(name);
    throw error;
  } finally {
    await window.close();
  }
}
const product = JSON.parse(readFileSync(join(dirname(dirname(found.main)), "package.json"), "utf8"));
writeFileSync(resultFile, JSON.stringify({ version: product.version, builds }));

/** Writes one piece where it was taken out, key by key. */
async function type(screen, { name, line, indentation, keys }) {
  const { page } = screen;
  await page.keyboard.press("Control+P");
  await page.locator(".quick-input-widget input").fill(`${name}:${line}:${indentation.length + 1}`);
  await page.locator(".quick-input-widget .monaco-list-row", { hasText: name }).first().waitFor();
  await page.keyboard.press("Enter");
  await page.locator(".quick-input-widget").waitFor({ state: "hidden" });
  await pause(2000);
  await page.evaluate(() => window.feel.begin());
  let due = Date.now();
  for (const { key, pause: seconds } of keys) {
    due = Math.max(due + seconds * 1000, Date.now()); // a key that is late does not hurry the next
    await pause(due - Date.now());
    await (key.length === 1 ? page.keyboard.type(key) : page.keyboard.press(key));
  }
  await pause(LAST_MS);
  const { pressed, frames } = await page.evaluate(() => window.feel.end());
  if (pressed.length !== keys.length) throw new Error(`${keys.length} keys were pressed, ${pressed.length} arrived`);
  return { pressed, frames };
}

/**
 * Runs in the page. What the page looks like is read right after it was painted: a message that an animation frame
 * posts is handled behind that frame's painting.
 */
function record() {
  const now = () => performance.timeOrigin + performance.now();
  const plain = (text) => text.replaceAll("\u00a0", " ").replaceAll("\u200b", "");
  const GHOST = ".ghost-text-decoration, .ghost-text-decoration-preview";
  let pressed = [];
  let frames = [];
  let changed = false;

  const look = () => {
    const editor = document.querySelector(".editor-group-container.active .monaco-editor[data-uri]");
    const cursor = editor?.querySelector(".cursors-layer .cursor");
    if (!cursor) return undefined;
    const lines = [...editor.querySelectorAll(".view-lines:not(.suggest-preview-text *) > .view-line")];
    const line = lines.find((one) => one.style.top === cursor.style.top);
    if (line === undefined) return undefined;
    const first = [...line.querySelectorAll(GHOST)].map((one) => one.textContent ?? "").join("");
    const rest = [...editor.querySelectorAll(".suggest-preview-text .view-line")];
    const whole = line.textContent ?? "";
    const typed = plain(first === "" ? whole : whole.slice(0, whole.lastIndexOf(first)));
    return { at: now(), typed, ghost: plain([first, ...rest.map((one) => one.textContent ?? "")].join("\n")) };
  };
  const keep = () => {
    const frame = look();
    const last = frames.at(-1);
    if (frame && (frame.typed !== last?.typed || frame.ghost !== last?.ghost)) frames.push(frame);
  };

  window.addEventListener("keydown", (event) => pressed.push(performance.timeOrigin + event.timeStamp), true);
  const what = { subtree: true, childList: true, characterData: true, attributes: true };
  new MutationObserver(() => {
    changed = true;
  }).observe(document.body, what);
  const painted = new MessageChannel();
  painted.port1.onmessage = () => {
    if (changed) keep();
    changed = false;
  };
  const frame = () => {
    painted.port2.postMessage(undefined);
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);

  window.feel = {
    begin: () => {
      pressed = [];
      frames = [];
      keep();
    },
    end: () => ({ pressed, frames }),
  };
}
