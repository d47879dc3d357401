// The tests through the user interface: from the built .vsix, with the model that ships, as a person does it. Pictures
// of what they see are kept in dist/test-vscode/pictures/.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ghostOf, pause, until } from "./window.mjs";

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

  /** Runs a command from the palette. */
  async command(title) {
    const { page } = this;
    await page.keyboard.press("F1");
    await page.locator(".quick-input-widget input").fill(`>${title}`);
    await page.locator(".quick-input-widget .monaco-list-row", { hasText: title }).first().waitFor();
    await page.keyboard.press("Enter");
  }

  type = (text, delay = 60) => this.page.keyboard.type(text, { delay });
  press = (key) => this.page.keyboard.press(key);

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

  notices = (words) => this.page.locator(".notification-list-item", { hasText: words }).first();
  notice = (words) => this.notices(words).waitFor({ timeout: START_MS });
  button = (name) => this.page.getByRole("button", { name, exact: true }).first().click();

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
  const lines = screen.page.locator('.monaco-editor[data-uri^="tabwright-explanation"] .view-lines');
  await lines.getByText("Computed anew in").first().waitFor({ timeout: START_MS });
  await screen.picture("explanation");
  const text = (await lines.innerText()).replaceAll("\u00a0", " ");
  assert.match(text, /shapes\.py:\d+:\d+/);
  assert.match(text, /self\.x \+= dx/);
  assert.match(text, /the prompt has \d+ tokens/);
}

export async function walkthroughOnTheScreen(screen) {
  await screen.command("Welcome: Open Walkthrough...");
  await screen.page.locator(".quick-input-widget .monaco-list-row", { hasText: "Tabwright" }).first().click();
  await screen.page.getByText("Type, and take what fits").first().waitFor({ timeout: START_MS });
  await pause(1000);
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

/** Nothing is installed: the extension offers to do it, can be stopped, and then completes. */
export async function firstRunOnTheScreen(screen, installed) {
  const install = async () => {
    const dialog = screen.page.locator(".monaco-dialog-box");
    await dialog.waitFor({ timeout: START_MS });
    return dialog;
  };
  await screen.open();
  await screen.says("problem");
  await screen.notice("not installed on this machine yet");
  await screen.picture("first-run");
  await screen.button("Install");
  const dialog = await install();
  await screen.picture("install");
  await dialog.getByRole("button", { name: "Install" }).click();
  await screen.notice("Installing the server");
  await screen.button("Cancel");
  await until(() => installed().length === 0, 20_000, "the cancelled environment to be gone");

  await screen.command("Tabwright: Install the Completion Server");
  await (await install()).getByRole("button", { name: "Install" }).click();
  const ready = screen.says("ready", 300_000);
  const failed = screen.notices(" failed: ");
  const why = await Promise.race([ready, failed.waitFor({ timeout: 300_000 }).then(() => failed.innerText())]);
  if (why) throw new Error(why);
  assert.equal(installed().length, 1);
  await screen.press("Enter");
  await screen.type("    def move(self, dx, dy):");
  await screen.press("Enter");
  assert.notEqual(await screen.ghost(), "");
}
