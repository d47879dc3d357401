// The windows that are tested, by name: what each opens, with which settings, and what happens in it.

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { blockOnTheScreen, markOnTheScreen, planted } from "./copies.mjs";
import * as onScreen from "./screen.mjs";
import { openWindow, pause, TRACED } from "./window.mjs";

// A crowded machine is slow: the tests ask whether a suggestion comes, not how fast.
const PATIENT = { "tabwright.deadlineMs": 10_000, "tabwright.invokedDeadlineMs": 10_000, "tabwright.threads": 1 };
const HOST_MS = 900_000;
const DEBUG = { "tabwright.logLevel": "debug" };
const FILES = { "shapes.py": onScreen.SHAPES };

/** The suites inside the extension host, on the real server around an engine that writes what the document says. */
async function inHost(common, plan) {
  const { python, fakeServer } = common;
  const settings = { ...PATIENT, ...DEBUG };
  const environment = { PATH: "/usr/bin:/bin" }; // no Tabwright of the machine's own
  const window = await openWindow({ ...common, ...plan, settings, environment, server: [python, "-I", fakeServer] });
  try {
    const error = await Promise.race([window.done, pause(HOST_MS).then(() => "the tests in the editor did not end")]);
    if (error) {
      await window.keep("stuck");
      throw new Error(error);
    }
  } finally {
    await window.close();
  }
}

/** Tests through the user interface: `steps` by name, one after the other on one page. */
async function onPage(common, plan, steps) {
  const window = await openWindow({ ...common, ...plan, suites: undefined, opens: "shapes.py" });
  const screen = new onScreen.Screen(window, join(common.kept, "..", "pictures"));
  window.page.setDefaultTimeout(20_000);
  try {
    for (const [name, step] of Object.entries(steps)) {
      if (!new RegExp(common.only).test(name)) continue;
      try {
        await step(screen, window);
        common.report({ name });
      } catch (error) {
        await window.keep(name.replace(/\W+/g, "-"));
        common.report({ name, error: error.stack });
      }
    }
  } finally {
    await window.close();
  }
}

/** The command of a shell script that has traced.mjs run a program of the server, and keep what passes in `folder`. */
const tracing = ({ tools }, folder) => [tools.node, TRACED, folder].map((word) => `'${word}'`).join(" ");

const script = (file, ...lines) => writeFileSync(file, ["#!/bin/sh", ...lines, ""].join("\n"), { mode: 0o755 });

/** A Python that makes environments of which the server is traced, and does nothing else that another would not. */
function tracedBase(file, common, folder) {
  const traced = [
    'case "$*" in',
    `  "-I -m lsp_server"*) exec ${tracing(common, folder)} "\${0%/*}/untraced" "$@" ;;`,
    '  *) exec "${0%/*}/untraced" "$@" ;;',
    "esac",
  ];
  script(join(folder, "traced"), ...traced);
  const made = `/bin/mv "$4/bin/python" "$4/bin/untraced" && /bin/cp '${join(folder, "traced")}' "$4/bin/python"`;
  script(file, `'${common.basePython}' "$@" || exit`, `case "$2 $3" in "-m venv") ${made} ;; esac`);
}

const HOSTILE = {
  "tabwright.server.command": ["/bin/false"],
  "tabwright.server.python": "/bin/false",
  "tabwright.model": "/nowhere",
  "tabwright.enable": false,
};

/** The server of this checkout, as a setting of the machine. */
const installed = ({ python }) => [python, "-I", "-m", "lsp_server"];

export const windows = {
  "one folder": (common) => inHost(common, { files: { "README.md": "# A project\n" } }),

  "two folders": (common) =>
    inHost(common, { files: { "first/README.md": "# One\n", "second/README.md": "# Two\n" }, folders: ["first", "second"] }),

  "the model that ships": async (common) => {
    const folder = planted(common.python);
    const settings = { ...PATIENT, "tabwright.signals": true };
    try {
      await onPage(common, { files: FILES, settings, server: installed(common) }, {
        "ghost text of the model that ships is on the screen, and Tab writes it": onScreen.suggestionsOnTheScreen,
        "a suggestion is explained beside the file": onScreen.explanationOnTheScreen,
        "the statistics count it, on a page without scripts, and say where they are off": onScreen.statisticsOnTheScreen,
        "the model's card, licence and checksums are shown": onScreen.modelOnTheScreen,
        "the walkthrough opens, and its first step is done": onScreen.walkthroughOnTheScreen,
        "a copy of the training corpus is marked, for as long as it is on the screen": (screen, window) =>
          markOnTheScreen(screen, window, folder),
        "where such copies are blocked, nothing is on the screen": (screen, window) =>
          blockOnTheScreen(screen, window, folder),
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
  },

  "a folder that is not trusted": (common) => {
    const files = { ...FILES, ".vscode/settings.json": JSON.stringify(HOSTILE) };
    return onPage(common, { files, settings: { ...PATIENT }, server: installed(common), restricted: true }, {
      "in Restricted Mode it completes, and the folder's settings do nothing": onScreen.restrictedOnTheScreen,
    });
  },

  "the Python extension": async (common) => {
    // Neither the PATH nor a setting leads to a Python: only what was chosen in the Python extension does.
    const folder = mkdtempSync(join(tmpdir(), "tabwright-chosen-"));
    const chosen = join(folder, "chosen");
    const python = join(folder, "python.vsix");
    const bin = join(folder, "bin");
    mkdirSync(bin);
    const environment = { PATH: bin, TABWRIGHT_CHOSEN: chosen };
    const choose = (path) => writeFileSync(chosen, path);
    const traced = join(folder, "env", "bin", "python"); // an environment, as far as anybody can tell
    mkdirSync(dirname(traced), { recursive: true });
    script(traced, `exec ${tracing(common, folder)} '${common.python}' "$@"`);
    try {
      const vsce = createRequire(import.meta.url).resolve("@vscode/vsce/vsce");
      const pack = [vsce, "package", "--allow-missing-repository", "--skip-license", "--out", python];
      const cwd = join(import.meta.dirname, "python-extension");
      execFileSync(process.execPath, pack, { cwd, stdio: ["ignore", "ignore", "pipe"] });
      await onPage(common, { files: FILES, settings: PATIENT, environment, others: [python], traces: folder }, {
        "an interpreter of the folder, chosen in the Python extension, is not run": (screen, window) =>
          onScreen.foldersPythonOnTheScreen(screen, window, choose, common.python),
        "the interpreter chosen in the Python extension is used as soon as it is chosen": (screen) =>
          onScreen.chosenPythonOnTheScreen(screen, choose, traced, join(folder, "trace.lsp")),
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
  },

  "the first run": async (common) => {
    // A PATH with one Python, which does not have Tabwright.
    const folder = mkdtempSync(join(tmpdir(), "tabwright-path-"));
    const bin = join(folder, "bin");
    mkdirSync(bin);
    tracedBase(join(bin, "python3"), common, folder);
    const environment = { PATH: `${bin}:/usr/sbin:/sbin` };
    const plan = { files: FILES, settings: PATIENT, environment, traces: folder };
    try {
      await onPage(common, plan, {
        "with nothing installed, it is offered, can be cancelled, and then works": (screen, window) => {
          const storage = join(window.root, "data", "data", "User", "globalStorage", "tabwright.tabwright");
          const list = () => readdirSync(storage).filter((name) => name.startsWith("server-"));
          return onScreen.firstRunOnTheScreen(screen, list);
        },
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
};
