// Stands in for the Python extension, which no registry has that a test could fetch it from. It behaves as documented
// (the npm package @vscode/python-extension): where nothing was chosen it names a bare `python`, it names folders as
// well, and it tells when another interpreter is chosen. The choice is what stands in the file TABWRIGHT_CHOSEN.

const { existsSync, readFileSync, statSync } = require("node:fs");
const { join } = require("node:path");
const vscode = require("vscode");

const executable = (path) => (existsSync(path) && statSync(path).isDirectory() ? join(path, "bin", "python") : path);

exports.activate = ({ subscriptions }) => {
  const changed = new vscode.EventEmitter();
  let path = "python";
  const choose = () => {
    path = readFileSync(process.env.TABWRIGHT_CHOSEN, "utf8");
    changed.fire({ id: path, path, resource: undefined });
  };
  subscriptions.push(changed, vscode.commands.registerCommand("python.setInterpreter", choose));
  return {
    ready: Promise.resolve(),
    environments: {
      getActiveEnvironmentPath: () => ({ id: path, path }),
      resolveEnvironment: async (environment) =>
        environment.path === "python"
          ? undefined
          : { ...environment, executable: { uri: vscode.Uri.file(executable(environment.path)) } },
      onDidChangeActiveEnvironmentPath: changed.event,
    },
  };
};
