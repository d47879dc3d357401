// Stands between the extension and its server, and writes down what passes: `node traced.mjs FOLDER COMMAND...` keeps
// FOLDER/server.log (stderr) and FOLDER/trace.lsp (both directions). It ends as the server ends.

import { spawn } from "node:child_process";
import { appendFileSync } from "node:fs";
import { join } from "node:path";

const [folder, command, ...rest] = process.argv.slice(2);
const server = spawn(command, rest);
const follow = (from, to, file, mark) =>
  from.on("data", (piece) => {
    to.write(piece);
    appendFileSync(join(folder, file), `${mark}${piece}\n`);
  });
follow(process.stdin, server.stdin, "trace.lsp", "\n--> ");
follow(server.stdout, process.stdout, "trace.lsp", "\n<-- ");
follow(server.stderr, process.stderr, "server.log", "");
process.stdin.on("end", () => server.stdin.end());
server.stdin.on("error", () => undefined); // it has ended; its exit says more
server.on("close", (code, signal) => process.exit(code ?? (signal === null ? 0 : 1)));
