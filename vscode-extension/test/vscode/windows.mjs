// The windows that are tested, by name: what each opens, with which settings, and what happens in it.

import { mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as onScreen from "./screen.mjs";
import { openWindow, pause } from "./window.mjs";

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

const HOSTILE = {
  "tabwright.server.command": ["/bin/false"],
  "tabwright.server.python": "/bin/false",
  "tabwright.model": "/nowhere",
  "tabwright.enable": false,
};

/** The server of this checkout, named as a user would. */
const installed = ({ python }) => ({ ...PATIENT, "tabwright.server.python": python });

export const windows = {
  "one folder": (common) => inHost(common, { files: { "README.md": "# A project\n" } }),

  "two folders": (common) =>
    inHost(common, { files: { "first/README.md": "# One\n", "second/README.md": "# Two\n" }, folders: ["first", "second"] }),

  "the model that ships": (common) =>
    onPage(common, { files: FILES, settings: installed(common) }, {
      "ghost text of the model that ships is on the screen, and Tab writes it": onScreen.suggestionsOnTheScreen,
      "a suggestion is explained beside the file": onScreen.explanationOnTheScreen,
      "the walkthrough opens": onScreen.walkthroughOnTheScreen,
    }),

  "a folder that is not trusted": (common) => {
    const files = { ...FILES, ".vscode/settings.json": JSON.stringify(HOSTILE) };
    return onPage(common, { files, settings: installed(common), restricted: true }, {
      "in Restricted Mode it completes, and the folder's settings do nothing": onScreen.restrictedOnTheScreen,
    });
  },

  "the first run": async (common) => {
    // A PATH with one Python, which does not have Tabwright.
    const bin = mkdtempSync(join(tmpdir(), "tabwright-path-"));
    symlinkSync(common.basePython, join(bin, "python3"));
    const environment = { PATH: `${bin}:/usr/sbin:/sbin` };
    const plan = { files: FILES, settings: PATIENT, environment };
    try {
      await onPage(common, plan, {
        "with nothing installed, it is offered, can be cancelled, and then works": (screen, window) => {
          const storage = join(window.root, "data", "data", "User", "globalStorage", "tabwright.tabwright");
          const list = () => readdirSync(storage).filter((name) => name.startsWith("server-"));
          return onScreen.firstRunOnTheScreen(screen, list);
        },
      });
    } finally {
      rmSync(bin, { recursive: true });
    }
  },
};
