import assert from "node:assert/strict";
import { test } from "node:test";
import { type Machine, NoServerError, resolveCommand, serverEnvironment } from "../src/command";

const AUTOMATIC = { command: [], python: "" };
const MODULE = ["-I", "-m", "lsp_server"];

function linux(...files: string[]): Machine {
  return {
    platform: "linux",
    home: "/home/ada",
    searchPath: "/usr/local/bin:/usr/bin",
    isExecutable: (file) => files.includes(file),
  };
}

function windows(...files: string[]): Machine {
  return { ...linux(...files), platform: "win32", home: "C:\\Users\\ada", searchPath: "C:\\Py\\Scripts;C:\\Windows" };
}

test("the console script on the PATH comes first", () => {
  const machine = linux("/usr/bin/tabwright", "/usr/bin/python3");
  assert.deepEqual(resolveCommand(AUTOMATIC, machine), { command: "/usr/bin/tabwright", args: ["serve"] });
});

test("without it, a Python starts the module in isolated mode", () => {
  const both = linux("/usr/bin/python", "/usr/bin/python3");
  assert.deepEqual(resolveCommand(AUTOMATIC, both), { command: "/usr/bin/python3", args: MODULE });
  assert.deepEqual(resolveCommand(AUTOMATIC, linux("/usr/bin/python")), { command: "/usr/bin/python", args: MODULE });
});

test("earlier folders of the PATH win", () => {
  const machine = linux("/usr/bin/tabwright", "/usr/local/bin/tabwright");
  assert.equal(resolveCommand(AUTOMATIC, machine).command, "/usr/local/bin/tabwright");
});

test("on Windows: the script's .exe, then the launcher", () => {
  const script = windows("C:\\Py\\Scripts\\tabwright.exe", "C:\\Windows\\py.exe");
  assert.deepEqual(resolveCommand(AUTOMATIC, script), { command: "C:\\Py\\Scripts\\tabwright.exe", args: ["serve"] });
  const launcher = windows("C:\\Windows\\py.exe", "C:\\Windows\\python.exe", "C:\\Windows\\python3.exe");
  assert.deepEqual(resolveCommand(AUTOMATIC, launcher), { command: "C:\\Windows\\py.exe", args: MODULE });
});

test("entries of the PATH that mean the current folder are passed over", () => {
  const files = linux("tabwright", "./tabwright", "bin/tabwright", "/usr/bin/python3");
  const machine = { ...files, searchPath: ".::bin:/usr/bin" };
  assert.equal(resolveCommand(AUTOMATIC, machine).command, "/usr/bin/python3");
});

test("a named Python is used in isolated mode, with ~ for the home folder", () => {
  const machine = linux("/home/ada/venv/bin/python", "/usr/bin/tabwright");
  const expected = { command: "/home/ada/venv/bin/python", args: MODULE };
  assert.deepEqual(resolveCommand({ command: [], python: "~/venv/bin/python" }, machine), expected);
});

test("a named command goes before a named Python, and its arguments stay as they are", () => {
  const machine = linux("/usr/bin/nice", "/usr/bin/python3");
  const settings = { command: ["nice", "-n", "5", "tabwright", "serve"], python: "python3" };
  const expected = { command: "/usr/bin/nice", args: ["-n", "5", "tabwright", "serve"] };
  assert.deepEqual(resolveCommand(settings, machine), expected);
});

test("a command of one empty word counts as none", () => {
  const machine = linux("/usr/bin/tabwright");
  assert.equal(resolveCommand({ command: [""], python: "" }, machine).command, "/usr/bin/tabwright");
});

test("what cannot be started is said with the setting's name", () => {
  const nothing = linux();
  for (const [settings, message] of [
    [AUTOMATIC, /Install Tabwright/],
    [{ command: ["/opt/tabwright"], python: "" }, /"tabwright.server.command".*not an executable file/],
    [{ command: [], python: "python9" }, /"tabwright.server.python".*not on the PATH/],
    [{ command: [], python: "venv/bin/python" }, /must name an absolute path/],
    [{ command: ["./serve.sh"], python: "" }, /must name an absolute path/],
  ] as const) {
    assert.throws(
      () => resolveCommand(settings, nothing),
      (error) => error instanceof NoServerError && message.test(error.message),
    );
  }
});

test("batch files are refused: they would need a shell", () => {
  const file = "C:\\tools\\serve.cmd";
  assert.throws(() => resolveCommand({ command: [file], python: "" }, windows(file)), NoServerError);
});

test("the server does not inherit where Python looks for modules", () => {
  const environment = { PATH: "/usr/bin", PYTHONPATH: ".", PythonHome: "/x", PYTHONUTF8: "1" };
  assert.deepEqual(serverEnvironment(environment), { PATH: "/usr/bin", PYTHONUTF8: "1" });
});
