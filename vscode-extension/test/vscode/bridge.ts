// What the editor's API does not give: keys as a person presses them and what is on the screen. The runner outside
// (window.mjs) has both, and answers over HTTP on this machine.

import { request } from "node:http";

/** Has the runner do something; the answer is its own. */
export function ask<T = void>(op: string, parameters: object = {}): Promise<T> {
  const body = JSON.stringify({ op, ...parameters });
  return new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port: Number(process.env["TABWRIGHT_BRIDGE"]), method: "POST" };
    const sent = request(options, (response) => {
      const pieces: Buffer[] = [];
      response.on("data", (piece: Buffer) => pieces.push(piece));
      response.on("end", () => {
        const answer = JSON.parse(Buffer.concat(pieces).toString("utf8")) as { value?: T; error?: string };
        if (answer.error === undefined) resolve(answer.value as T);
        else reject(new Error(`${op}: ${answer.error}`));
      });
    });
    sent.on("error", reject);
    sent.end(body);
  });
}
