// One window of the real VS Code: a server with the built .vsix installed, a workspace, and a browser page that shows
// it. Everything it writes lies in one temporary folder. Where a test fails, what can be known about it is kept.

import { execFileSync, spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync } from "node:fs";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createSocket } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { CACHE } from "./tools.mjs";

const START_MS = 120_000;
const END_MS = 30_000;
export const TRACED = resolve(import.meta.dirname, "traced.mjs");
const TRACES = ["server.log", "trace.lsp"]; // traced.mjs writes them
// Quiet, and nothing of the editor's own that would write into the document behind a test's back.
const EDITOR_SETTINGS = {
  "workbench.startupEditor": "none",
  "workbench.tips.enabled": false,
  "telemetry.telemetryLevel": "off",
  "chat.disableAIFeatures": true,
  "workbench.secondarySideBar.defaultVisibility": "hidden",
  "update.mode": "none",
  "extensions.autoUpdate": false,
  "extensions.ignoreRecommendations": true,
  "files.autoSave": "off",
  "editor.autoClosingBrackets": "never",
  "editor.autoClosingQuotes": "never",
  "editor.detectIndentation": false,
  "editor.quickSuggestions": { other: "off" },
  "editor.wordBasedSuggestions": "currentDocument",
  "editor.minimap.enabled": false,
};

/**
 * @typedef {object} Plan
 * @property {ReturnType<typeof import("./tools.mjs").tools>} tools
 * @property {string} vsix
 * @property {readonly string[]} [others] packages of other extensions to install
 * @property {Record<string, string>} files texts by name, put into the workspace
 * @property {readonly string[]} [folders] several folders of `files` to open; none: all of it is one folder
 * @property {Record<string, unknown>} settings of the machine
 * @property {readonly string[]} [server] the command of the server, to be traced; none: the extension finds its own
 * @property {string} [traces] where traced.mjs keeps what it sees, if not in the window's own folder
 * @property {string} [opens] the file that is open when the window is
 * @property {{ width: number, height: number }} [size] of the window, in pixels
 * @property {boolean} [restricted] whether workspaces have to be trusted first
 * @property {NodeJS.ProcessEnv} [environment]
 * @property {string} [suites] a bundle of in-host tests
 * @property {string} [only] a regular expression for the names of the tests to run
 * @property {(result: { name: string, error?: string }) => void} [report]
 * @property {string} kept folder for what is kept of failures
 */

/** @param {Plan} plan */
export async function openWindow(plan) {
  const { tools } = plan;
  const root = realpathSync(mkdtempSync(join(tmpdir(), "tabwright-vscode-")));
  const workspace = join(root, "ws");
  const machine = join(root, "data", "data", "Machine", "settings.json");
  put(workspace, plan.files);
  mkdirSync(workspace, { recursive: true });
  mkdirSync(dirname(machine), { recursive: true });
  const set = (more) => {
    writeFileSync(`${machine}.new`, JSON.stringify({ ...EDITOR_SETTINGS, ...plan.settings, ...more }));
    renameSync(`${machine}.new`, machine); // the editor must not read half of it
  };
  if (plan.server !== undefined) {
    plan.settings["tabwright.server.command"] = [tools.node, TRACED, root, ...plan.server];
  }
  set({});

  const places = ["--accept-server-license-terms", "--server-data-dir", join(root, "data")];
  places.push("--extensions-dir", join(root, "extensions"));
  // What the server keeps, it keeps in the window's own folders; pip need not fetch everything anew for each of them.
  const own = { XDG_DATA_HOME: join(root, "share"), XDG_CACHE_HOME: join(root, "cache") };
  const pip = { PIP_CACHE_DIR: process.env.PIP_CACHE_DIR ?? join(CACHE, "pip") };
  const environment = { ...process.env, ...plan.environment, ...own, ...pip, NO_PROXY: "127.0.0.1" };
  for (const vsix of [plan.vsix, ...(plan.others ?? [])].filter(Boolean)) {
    const install = [tools.main, ...places, "--install-extension", vsix];
    execFileSync(tools.node, install, { stdio: ["ignore", "ignore", "pipe"], env: environment });
  }

  let page;
  const bridge = plan.suites === undefined ? undefined : await listen(() => page, { ...plan, set, root });
  if (bridge) Object.assign(environment, { TABWRIGHT_BRIDGE: String(bridge.port), TABWRIGHT_ONLY: plan.only ?? "" });
  const port = await freePort();
  const options = ["--host", "127.0.0.1", "--port", String(port), "--without-connection-token", "--disable-telemetry"];
  options.push("--force-disable-user-env"); // else a login shell says what the PATH is
  // Without it, the built VS Code runs no tests; with it, it shows no toasts, so that tests read the notification list.
  if (plan.suites !== undefined) options.push("--enable-smoke-test-driver");
  if (plan.restricted !== true) options.push("--disable-workspace-trust");
  const server = spawn(tools.node, [tools.main, ...places, ...options], { stdio: "ignore", env: environment });
  const end = () => server.kill("SIGTERM");
  process.once("exit", end); // however this process ends

  let browser;
  const close = async () => {
    await browser?.close();
    bridge?.close();
    process.removeListener("exit", end);
    end();
    await new Promise((done) => (server.exitCode === null ? server.once("exit", done) : done()));
    // Its children write their last words: into a folder that is being removed they would put it back.
    await until(() => processesOf(root).length === 0, END_MS, "the processes of the window to end");
    rmSync(root, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  };
  try {
    await until(async () => (await fetch(`http://127.0.0.1:${port}/version`)).ok, START_MS, "VS Code's server");
    browser = await tools.chromium.launch({
      executablePath: tools.browser,
      args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
      handleSIGTERM: false, // else this process would outlive the signal
    });
    page = await browser.newPage({ viewport: plan.size ?? { width: 1100, height: 640 } });
    const address = `http://127.0.0.1:${port}/?${query(plan, root, workspace, port)}`;
    await page.goto(address, { timeout: START_MS, waitUntil: "commit" });
    await page.locator(".monaco-workbench .statusbar").waitFor({ timeout: START_MS });
  } catch (error) {
    await page?.screenshot({ path: join(plan.kept, "start.png") }).catch(() => undefined);
    await close();
    throw error;
  }
  const keepAll = (name) => keep(page, plan.traces ?? root, plan.kept, name);
  return { page, workspace, root, set, close, done: bridge?.done, keep: keepAll };
}

/** A screenshot, the server's log and the LSP trace, as they are now. */
async function keep(page, traces, folder, name) {
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`) }).catch(() => undefined);
  for (const file of TRACES) {
    if (existsSync(join(traces, file))) cpSync(join(traces, file), join(folder, `${name}.${file}`));
  }
}

/** The commands of the processes that a window has started and that still run. */
export function processesOf(root) {
  const read = (pid, file) => readFileSync(`/proc/${pid}/${file}`, "utf8").split("\0");
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((pid) => {
      try {
        return read(pid, "environ").includes(`XDG_DATA_HOME=${join(root, "share")}`) ? [read(pid, "cmdline")] : [];
      } catch {
        return []; // it has just ended
      }
    });
}

/** What a person sees of the ghost text in the active editor; empty if there is none. */
export function ghostOf(page) {
  return page.evaluate(() => {
    const plain = (element) => (element.textContent ?? "").replaceAll("\u00a0", " ").replaceAll("\u200b", "");
    const editor = document.querySelector(".editor-group-container.active .monaco-editor[data-uri]");
    if (editor === null) return "";
    const first = [...editor.querySelectorAll(".ghost-text-decoration, .ghost-text-decoration-preview")];
    const rest = [...editor.querySelectorAll(".suggest-preview-text .view-line")];
    return [first.map(plain).join(""), ...rest.map(plain)].join("\n").replace(/^\n(?=.)/s, "\n");
  });
}

function put(folder, files) {
  for (const [name, text] of Object.entries(files)) {
    const file = join(folder, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
}

function query(plan, root, workspace, port) {
  const remote = (path) => `vscode-remote://127.0.0.1:${port}${path}`;
  const parameters = new URLSearchParams();
  if (plan.folders === undefined) {
    parameters.set("folder", workspace);
  } else {
    const file = join(root, "several.code-workspace");
    const folders = plan.folders.map((name) => ({ path: join(workspace, name) }));
    writeFileSync(file, JSON.stringify({ folders }));
    parameters.set("workspace", file);
  }
  if (plan.opens !== undefined) {
    parameters.set("payload", JSON.stringify([["openFile", remote(join(workspace, plan.opens))]]));
  }
  if (plan.suites !== undefined) {
    const driver = join(root, "driver"); // the editor runs in-host tests only beside an extension in development
    put(driver, {
      "package.json": JSON.stringify({ name: "d", publisher: "d", version: "1.0.0", engines: { vscode: "*" } }),
    });
    const payload = [
      ["extensionDevelopmentPath", remote(driver)],
      ["extensionTestsPath", remote(plan.suites)],
    ];
    parameters.set("payload", JSON.stringify(payload));
  }
  return parameters;
}

/** Keys, the screen and settings for the tests inside the extension host, which have only the editor's API. */
async function listen(page, { report, set, root, kept }) {
  const operations = {
    press: ({ key }) => page().keyboard.press(key),
    type: ({ text, delay }) => page().keyboard.type(text, { delay }),
    focused: () => page().evaluate(() => document.activeElement?.closest(".monaco-editor[data-uri]") !== null),
    ghost: () => ghostOf(page()),
    status: () => texts(page().locator('.statusbar-item[id*="tabwright.status"]')),
    bar: () => texts(page().locator(".statusbar-item")),
    input: () => page().locator(".quick-input-widget:visible .quick-input-box input").inputValue({ timeout: 500 }),
    fill: ({ text }) => page().locator(".quick-input-widget:visible .quick-input-box input").fill(text, { timeout: 500 }),
    menu: () => texts(page().locator(".suggest-widget.visible .monaco-list-row .label-name")),
    picks: () => texts(page().locator(".quick-input-widget:visible .monaco-list-row .label-name")),
    notices: () => texts(page().locator(".notification-list-item")),
    click: ({ role, name }) => page().getByRole(role, { name }).first().click({ timeout: 10_000 }),
    set: ({ more }) => set(more),
    trace: () => readFileSync(join(root, "trace.lsp"), "utf8"),
    keep: ({ name }) => keep(page(), root, kept, name),
    result: (result) => report?.(result),
    done: ({ error }) => finish(error),
  };
  let finish;
  const done = new Promise((resolve) => {
    finish = resolve;
  });
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const piece of request) body += piece;
    const { op, ...parameters } = JSON.parse(body);
    try {
      response.end(JSON.stringify({ value: (await operations[op](parameters)) ?? null }));
    } catch (error) {
      response.statusCode = 500;
      response.end(JSON.stringify({ error: error.message }));
    }
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  return { port: server.address().port, done, close: () => server.closeAllConnections() ?? server.close() };
}

async function texts(locator) {
  return (await locator.allInnerTexts()).map((text) => text.replaceAll("\u00a0", " ").trim());
}

function freePort() {
  return new Promise((resolve) => {
    const socket = createSocket().listen(0, "127.0.0.1", () => {
      const { port } = socket.address();
      socket.close(() => resolve(port));
    });
  });
}

export const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

/** Asks again and again until it holds. */
export async function until(holds, milliseconds, what) {
  const end = Date.now() + milliseconds;
  for (;;) {
    try {
      const found = await holds();
      if (found) return found;
    } catch (error) {
      if (Date.now() > end) throw error;
    }
    if (Date.now() > end) throw new Error(`waited ${milliseconds / 1000} s for ${what}`);
    await pause(100);
  }
}
