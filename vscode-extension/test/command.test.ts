import assert from "node:assert/strict";
import { test } from "node:test";
import {
  isOlder,
  type Machine,
  NoServerError,
  type Python,
  resolveBase,
  resolveCommand,
  serverEnvironment,
  toolCommand,
} from "../src/command";

const AUTOMATIC = { command: [], python: "" };
const WITH_TABWRIGHT: Python = { version: [3, 12, 1], hasTabwright: true, hasVenv: true };
const MODULE = ["-I", "-m", "lsp_server"];

function linux(...files: string[]): Machine {
  return {
    platform: "linux",
    home: "/home/ada",
    searchPath: "/usr/local/bin:/usr/bin",
    isExecutable: (file) => files.includes(file),
    probe: async (file) => (files.includes(file) ? WITH_TABWRIGHT : undefined),
  };
}

/** The same machine, whose Pythons are these. */
function withPythons(pythons: Readonly<Record<string, Partial<Python>>>): Machine {
  const whole = (python: Partial<Python>) => ({ version: [3, 12, 1], hasTabwright: false, hasVenv: true, ...python });
  const probe = async (file: string) => (pythons[file] === undefined ? undefined : whole(pythons[file]));
  return { ...linux(...Object.keys(pythons)), probe };
}

function windows(...files: string[]): Machine {
  return { ...linux(...files), platform: "win32", home: "C:\\Users\\ada", searchPath: "C:\\Py\\Scripts;C:\\Windows" };
}

test("the console script on the PATH comes first", async () => {
  const machine = linux("/usr/bin/tabwright", "/usr/bin/python3");
  assert.deepEqual(await resolveCommand(AUTOMATIC, machine), { command: "/usr/bin/tabwright", args: ["serve"] });
});

test("without it, a Python starts the module in isolated mode", async () => {
  const both = linux("/usr/bin/python", "/usr/bin/python3");
  assert.deepEqual(await resolveCommand(AUTOMATIC, both), { command: "/usr/bin/python3", args: MODULE });
  assert.deepEqual(await resolveCommand(AUTOMATIC, linux("/usr/bin/python")), { command: "/usr/bin/python", args: MODULE });
});

test("earlier folders of the PATH win", async () => {
  const machine = linux("/usr/bin/tabwright", "/usr/local/bin/tabwright");
  assert.equal((await resolveCommand(AUTOMATIC, machine)).command, "/usr/local/bin/tabwright");
});

test("on Windows: the script's .exe, then the launcher", async () => {
  const script = windows("C:\\Py\\Scripts\\tabwright.exe", "C:\\Windows\\py.exe");
  assert.deepEqual(await resolveCommand(AUTOMATIC, script), { command: "C:\\Py\\Scripts\\tabwright.exe", args: ["serve"] });
  const launcher = windows("C:\\Windows\\py.exe", "C:\\Windows\\python.exe", "C:\\Windows\\python3.exe");
  assert.deepEqual(await resolveCommand(AUTOMATIC, launcher), { command: "C:\\Windows\\py.exe", args: MODULE });
});

test("entries of the PATH that mean the current folder are passed over", async () => {
  const files = linux("tabwright", "./tabwright", "bin/tabwright", "/usr/bin/python3");
  const machine = { ...files, searchPath: ".::bin:/usr/bin" };
  assert.equal((await resolveCommand(AUTOMATIC, machine)).command, "/usr/bin/python3");
});

test("a named Python is used in isolated mode, with ~ for the home folder", async () => {
  const machine = linux("/home/ada/venv/bin/python", "/usr/bin/tabwright");
  const expected = { command: "/home/ada/venv/bin/python", args: MODULE };
  assert.deepEqual(await resolveCommand({ command: [], python: "~/venv/bin/python" }, machine), expected);
});

test("a named command goes before a named Python, and its arguments stay as they are", async () => {
  const machine = linux("/usr/bin/nice", "/usr/bin/python3");
  const settings = { command: ["nice", "-n", "5", "tabwright", "serve"], python: "python3" };
  const expected = { command: "/usr/bin/nice", args: ["-n", "5", "tabwright", "serve"] };
  assert.deepEqual(await resolveCommand(settings, machine), expected);
});

test("a command of one empty word counts as none", async () => {
  const machine = linux("/usr/bin/tabwright");
  assert.equal((await resolveCommand({ command: [""], python: "" }, machine)).command, "/usr/bin/tabwright");
});

test("what cannot be started is said with the setting's name", async () => {
  const nothing = linux();
  for (const [settings, message] of [
    [AUTOMATIC, /No Python was found/],
    [{ command: ["/opt/tabwright"], python: "" }, /"tabwright.server.command".*not an executable file/],
    [{ command: [], python: "python9" }, /"tabwright.server.python".*not on the PATH/],
    [{ command: [], python: "venv/bin/python" }, /must name an absolute path/],
    [{ command: ["./serve.sh"], python: "" }, /must name an absolute path/],
  ] as const) {
    await assert.rejects(
      () => resolveCommand(settings, nothing),
      (error) => error instanceof NoServerError && message.test(error.message),
    );
  }
});

test("batch files are refused: they would need a shell", async () => {
  const file = "C:\\tools\\serve.cmd";
  await assert.rejects(() => resolveCommand({ command: [file], python: "" }, windows(file)), NoServerError);
});

test("the server does not inherit where Python looks for modules", async () => {
  const environment = { PATH: "/usr/bin", PYTHONPATH: ".", PythonHome: "/x", PYTHONUTF8: "1" };
  assert.deepEqual(serverEnvironment(environment), { PATH: "/usr/bin", PYTHONUTF8: "1" });
});

test("an environment of the extension's own goes before the PATH, and a setting before both", async () => {
  const machine = linux("/own/python", "/usr/bin/tabwright", "/usr/bin/python3");
  assert.equal((await resolveCommand(AUTOMATIC, machine, { own: "/own/python" })).command, "/own/python");
  const named = { command: [], python: "python3" };
  assert.equal((await resolveCommand(named, machine, { own: "/own/python" })).command, "/usr/bin/python3");
  assert.equal((await resolveCommand(AUTOMATIC, machine, { own: "/gone" })).command, "/usr/bin/tabwright");
});

test("a Python without Tabwright is passed over for one that has it", async () => {
  const machine = withPythons({ "/usr/bin/python3": {}, "/usr/bin/python3.12": { hasTabwright: true } });
  assert.equal((await resolveCommand(AUTOMATIC, machine)).command, "/usr/bin/python3.12");
});

test("the interpreter chosen in the Python extension goes before those on the PATH", async () => {
  const machine = withPythons({ "/usr/bin/python3": { hasTabwright: true }, "/chosen/python": { hasTabwright: true } });
  assert.equal((await resolveCommand(AUTOMATIC, machine, { chosen: async () => "/chosen/python" })).command, "/chosen/python");
});

test("what is missing decides what is offered", async () => {
  for (const [pythons, words, first] of [
    [{}, /No Python was found.*3\.11/, "getPython"],
    [{ "/usr/bin/python3": { version: [3, 9, 2] } }, /3\.9\.2\. Tabwright needs 3\.11 or newer/, "getPython"],
    [{ "/usr/bin/python3": {} }, /not installed on this machine yet/, "install"],
    [{ "/usr/bin/python3": { version: [3, 9, 2] }, "/usr/bin/python3.11": {} }, /not installed/, "install"],
  ] as const) {
    await assert.rejects(
      () => resolveCommand(AUTOMATIC, withPythons(pythons)),
      (error) => error instanceof NoServerError && words.test(error.message) && error.remedies[0] === first,
    );
  }
});

test("after an update of the extension it is said that its server is to be installed anew", async () => {
  const machine = withPythons({ "/usr/bin/python3": {} });
  await assert.rejects(() => resolveCommand(AUTOMATIC, machine, { isOutdated: true }), (error) => {
    return error instanceof NoServerError && /was updated/.test(error.message) && error.remedies[0] === "install";
  });
});

test("an environment is made with a Python that is new enough and can make one", async () => {
  const old = { "/usr/bin/python3": { version: [3, 9, 2] } };
  assert.equal(await resolveBase("", withPythons({ ...old, "/usr/bin/python3.11": {} })), "/usr/bin/python3.11");
  await assert.rejects(() => resolveBase("", withPythons(old)), /3\.9\.2/);
  const bare = withPythons({ "/usr/bin/python3": { hasVenv: false } });
  await assert.rejects(() => resolveBase("", bare), /python3-venv/);
  const both = withPythons({ "/usr/bin/python3": { hasVenv: false }, "/usr/bin/python3.12": {} });
  assert.equal(await resolveBase("", both), "/usr/bin/python3.12");
});

test("versions compare by number", () => {
  assert.equal(isOlder([3, 9, 20], [3, 11]), true);
  assert.equal(isOlder([3, 11, 0], [3, 11]), false);
  assert.equal(isOlder([4], [3, 11]), false);
});

test("what explains a suggestion is started from the same installation as the server", () => {
  const what = ["complete", "a.py"];
  const script = { command: "/bin/tabwright", args: ["serve"] };
  assert.deepEqual(toolCommand(script, what), { command: "/bin/tabwright", args: ["complete", "a.py"] });
  const module = { command: "/bin/python", args: MODULE };
  const expected = { command: "/bin/python", args: ["-I", "-m", "tabwright", "complete", "a.py"] };
  assert.deepEqual(toolCommand(module, what), expected);
  assert.equal(toolCommand({ command: "/bin/sh", args: ["serve.sh"] }, what), undefined);
});
