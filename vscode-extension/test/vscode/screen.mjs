// The tests through the user interface: from the built .vsix, with the model that ships, as a person does it. Pictures
// of what they see are kept in dist/test-vscode/pictures/.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { ghostOf, pause, processesOf, until } from "./window.mjs";

const START_MS = 90_000;

export const SHAPES = `import math


class Circle:
    def __init__(self, x, y, radius):
        self.x = x
        self.y = y
        self.radius = radius

    def area(self):
        return math.pi * self.radius ** 2

    def move(self, dx, dy):
        self.x += dx
        self.y += dy


class Square:
    def __init__(self, x, y, side):
        self.x = x
        self.y = y
        self.side = side
`;

/** Steps on one window's page. `pictures` is a folder. */
export class Screen {
  constructor({ page, workspace }, pictures) {
    this.page = page;
    this.workspace = workspace;
    this.pictures = pictures;
  }

  item = () => this.page.locator('.statusbar-item[id*="tabwright.status"]');
  says = (state, timeout = START_MS) => this.item().filter({ hasText: `Tabwright: ${state}` }).waitFor({ timeout });

  /** Goes to the file that the window was opened with, and to its end. */
  async open() {
    await this.page.locator(".monaco-editor[data-uri] .view-lines").first().click({ timeout: START_MS });
    await this.press("Control+End");
  }

  /** Opens a file of the workspace by its name, with the cursor at its end. */
  async goTo(name) {
    await this.pick("Control+P", name, name);
    await this.page.locator(`.monaco-editor.focused[data-uri$="/${name}"]`).waitFor();
    await this.press("Control+End");
  }

  /** Runs a command from the palette. */
  command = (title) => this.pick("F1", `>${title}`, title);

  /** Takes the entry that has these words, once it is the one that Enter takes: at first the list is another. */
  async pick(key, text, words) {
    const { page } = this;
    await page.keyboard.press(key);
    await page.locator(".quick-input-widget input").fill(text);
    await page.locator(".quick-input-widget .monaco-list-row.focused", { hasText: words }).waitFor();
    await page.keyboard.press("Enter");
  }

  type = (text, delay = 60) => this.page.keyboard.type(text, { delay });
  press = (key) => this.page.keyboard.press(key);

  async keys(...keys) {
    for (const key of keys) await this.press(key);
  }

  /** The ghost text, once it has stood still: its first line may be painted after the others. */
  async ghost(milliseconds = 20_000) {
    let last = "";
    return until(
      async () => {
        const now = await ghostOf(this.page);
        const still = now !== "" && now === last;
        last = now;
        await pause(200);
        return still ? now : undefined;
      },
      milliseconds,
      "ghost text",
    );
  }

  /** The page in the active editor, once it has these words. */
  async webview(words) {
    let found;
    const look = async () => {
      for (const frame of this.page.frames()) {
        const body = frame.locator("body");
        if ((await body.getByText(words).count().catch(() => 0)) > 0 && (await shown(frame))) found = { frame, body };
      }
      return found;
    };
    return until(look, START_MS, `a page with "${words}"`);
  }

  notices = (words) => this.page.locator(".notification-list-item", { hasText: words }).first();
  notice = (words) => this.notices(words).waitFor({ timeout: START_MS });
  button = (name) => this.page.getByRole("button", { name, exact: true }).first().click();

  async walkthrough() {
    await this.command("Welcome: Open Walkthrough...");
    await this.page.locator(".quick-input-widget .monaco-list-row", { hasText: "Tabwright" }).first().click();
    await this.page.getByText("Type, and take what fits").first().waitFor({ timeout: START_MS });
  }

  step = (id) => this.page.locator(`[data-done-step-id="tabwright.tabwright#start#${id}"]`).first();
  isTicked = async (id) => (await this.step(id).getAttribute("aria-checked")) === "true";
  ticked = (id) => until(() => this.isTicked(id), 20_000, `the step "${id}" to be ticked`);

  async saved(name) {
    await this.press("Control+S");
    await until(() => this.page.locator(".tab.active:not(.dirty)").count(), 5000, "the file to be saved");
    return readFileSync(join(this.workspace, name), "utf8");
  }

  async picture(name) {
    mkdirSync(this.pictures, { recursive: true });
    await this.page.mouse.move(500, 500); // away from what would explain itself
    await pause(300);
    await this.page.screenshot({ path: join(this.pictures, `${name}.png`) });
  }
}

/** Whether a frame is not one of an editor that lies behind another. */
async function shown(frame) {
  for (let one = frame; one.parentFrame() !== null; one = one.parentFrame()) {
    if (!(await (await one.frameElement()).isVisible())) return false;
  }
  return frame.parentFrame() !== null;
}

/** Suggestions of the shipped model on the screen, taken with Tab and explained. */
export async function suggestionsOnTheScreen(screen) {
  await screen.open();
  await screen.says("ready");
  await screen.press("Control+B"); // no side bar on the pictures
  await screen.press("Enter");
  await screen.type("    def move(self, dx, dy):");
  await screen.press("Enter");
  const shown = await screen.ghost();
  await screen.picture("suggestion");
  await screen.press("Tab");
  const text = await screen.saved("shapes.py");
  const wanted = `${SHAPES}\n    def move(self, dx, dy):\n        ${shown}`;
  assert.equal(text.trimEnd(), wanted.trimEnd(), "what was on the screen is what Tab wrote");
  await screen.item().click();
  await screen.page.locator(".quick-input-widget .monaco-list-row", { hasText: "Complete here" }).waitFor();
  await screen.picture("menu");
  await screen.press("Escape");
}

/** Where a suggestion was taken back, so that the text is not the one on the disk. */
export async function explanationOnTheScreen(screen) {
  await screen.open();
  await screen.press("Control+Z");
  await screen.command("Tabwright: Explain the Suggestion Here");
  const lines = screen.page.locator('.monaco-editor[data-uri^="tabwright:"] .view-lines');
  await lines.getByText("Computed anew in").first().waitFor({ timeout: START_MS });
  await screen.picture("explanation");
  const text = (await lines.innerText()).replaceAll("\u00a0", " ");
  assert.match(text, /shapes\.py:\d+:\d+/);
  assert.match(text, /self\.x \+= dx/);
  assert.match(text, /the prompt has \d+ tokens/);
  await screen.command("View: Close Editors in Other Groups");
}

/** After a suggestion was taken, with `tabwright.signals` on; then with the setting off. */
export async function statisticsOnTheScreen(screen, { set }) {
  await screen.command("Tabwright: Restart the Completion Server"); // what is undecided is decided when a server ends
  await screen.says("starting");
  await screen.says("ready");
  await screen.command("Tabwright: Statistics");
  const { body } = await screen.webview("Suggestions");
  const text = await body.innerText();
  assert.match(text, /Kept on this machine only/);
  assert.match(text, /python/);
  assert.equal(await body.locator("script").count(), 0);
  await screen.picture("statistics");

  set({ "tabwright.signals": false });
  await screen.says("starting");
  await screen.says("ready");
  await screen.command("Tabwright: Statistics");
  const off = await screen.webview("is off");
  await off.body.getByText("Open the Setting").click();
  const found = screen.page.locator(".settings-editor").getByText("Keep what became of suggestions").first();
  await found.waitFor({ timeout: START_MS });
  await screen.press("Escape");
}

export async function modelOnTheScreen(screen) {
  await screen.says("ready");
  await screen.command("Tabwright: About the Model");
  const { body } = await screen.webview("Licence:");
  await screen.picture("model");
  const text = await body.innerText();
  assert.match(text, /model\.onnx\s+[0-9a-f]{64}/);
  assert.match(text, /Licence: \S+/);
}

/** Where the server was ready before anybody looked: an editor that knows the walkthrough only now must see that. */
export async function walkthroughOnTheScreen(screen) {
  await screen.says("ready");
  await screen.walkthrough();
  await screen.ticked("install");
  assert.equal(await screen.isTicked("ask"), false);
  await pause(1000); // its picture
  await screen.picture("walkthrough");
}

/** A folder that is not trusted brings settings along, and completion works all the same. */
export async function restrictedOnTheScreen(screen) {
  await screen.page.locator(".statusbar-item", { hasText: "Restricted Mode" }).first().waitFor({ timeout: START_MS });
  await screen.open();
  await screen.says("ready");
  await screen.press("Enter");
  await screen.type("    def move(self, dx, dy):");
  await screen.press("Enter");
  assert.notEqual(await screen.ghost(), "");
}

/** Nothing is installed: the extension offers to do it, can be stopped, and then completes. The walkthrough keeps up. */
export async function firstRunOnTheScreen(screen, installed) {
  const dialog = screen.page.locator(".monaco-dialog-box");
  const answer = async (name) => {
    await dialog.waitFor({ timeout: START_MS });
    await dialog.getByRole("button", { name }).click();
    await dialog.waitFor({ state: "detached" });
  };
  await screen.open();
  await screen.says("problem");
  await screen.notice("not installed on this machine yet");
  await screen.picture("first-run");
  await screen.button("Install");
  await dialog.waitFor({ timeout: START_MS });
  await screen.picture("install");
  await answer("Cancel");

  await screen.walkthrough();
  await screen.button("Install the Server");
  await answer("Install");
  await screen.notice("Installing the server");
  await screen.button("Cancel");
  await until(() => installed().length === 0, 20_000, "the cancelled environment to be gone");
  assert.equal(await screen.isTicked("install"), false, "to begin with it is not to have done it");

  await screen.item().click(); // the message may be closed long since
  const entry = screen.page.locator(".quick-input-widget .monaco-list-row", { hasText: "Install" });
  await entry.waitFor();
  await screen.picture("menu-problem");
  await entry.click();
  await answer("Install");
  const ready = screen.says("ready", 300_000);
  const failed = screen.notices(" failed: ");
  const why = await Promise.race([ready, failed.waitFor({ timeout: 300_000 }).then(() => failed.innerText())]);
  if (why) throw new Error(why);
  assert.equal(installed().length, 1);
  await screen.ticked("install");
  await screen.picture("walkthrough-installed");
  await screen.goTo("shapes.py");
  await screen.press("Enter");
  await screen.type("    def move(self, dx, dy):");
  await screen.press("Enter");
  assert.notEqual(await screen.ghost(), "");
}

/** A folder brings an interpreter along that has Tabwright, and it is even the one that was chosen. */
export async function foldersPythonOnTheScreen(screen, { root }, choose, python) {
  await screen.open();
  await screen.says("problem");
  await screen.notice("No Python was found");
  symlinkSync(dirname(dirname(python)), join(screen.workspace, ".venv"));
  choose(join(screen.workspace, ".venv", "bin", "python"));
  await screen.command("Python: Select Interpreter");
  await screen.command("Tabwright: Restart the Completion Server");
  await pause(3000); // for a server to come up that should not
  await screen.says("problem");
  assert.deepEqual(processesOf(root).filter((command) => command.includes("lsp_server")), []);
}

/** An environment's folder is chosen, as the Python extension names it where it knows no more. */
export async function chosenPythonOnTheScreen(screen, choose, python, trace) {
  await screen.open();
  await screen.says("problem");
  choose(dirname(dirname(python)));
  await screen.command("Python: Select Interpreter");
  await screen.says("ready");
  assert.match(readFileSync(trace, "utf8"), /"method":"initialize"/, "that one is the server's");
  await screen.press("Enter");
  await screen.type("    def move(self, dx, dy):");
  await screen.press("Enter");
  assert.notEqual(await screen.ghost(), "");
}
