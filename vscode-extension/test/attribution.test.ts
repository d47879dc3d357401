import assert from "node:assert/strict";
import { test } from "node:test";
import { Attributions, type Mark, matchesIn } from "../src/attribution";

const DJANGO = { project: "django", file: "django/shortcuts.py", license: "BSD-3-Clause", tokens: 64 };
const FLASK = { project: "flask", file: "flask/app.py", license: "BSD-3-Clause", tokens: 20 };

function item(...matches: unknown[]): object {
  return { insertText: "x", command: { command: "tabwright.accepted", arguments: ["7", { attribution: matches }] } };
}

function watched(): { attributions: Attributions; shown: (Mark | undefined)[] } {
  const shown: (Mark | undefined)[] = [];
  return { attributions: new Attributions((mark) => shown.push(mark)), shown };
}

test("matches are found in lists of items and in objects that have one", () => {
  assert.deepEqual(matchesIn([item(DJANGO), item(FLASK)]), [DJANGO, FLASK]);
  assert.deepEqual(matchesIn({ items: [item(DJANGO)] }), [DJANGO]);
});

test("what says nothing of a corpus, or not in our words, has no matches", () => {
  const accepted = { command: "tabwright.accepted", arguments: ["7"] };
  for (const answer of [undefined, null, [], {}, [null], [{ command: accepted }], [item({ ...DJANGO, tokens: "many" })], { items: 3 }]) {
    assert.deepEqual(matchesIn(answer), []);
  }
});

test("a suggestion is marked with project and licence while it is there, and the next one is not", async () => {
  const { attributions, shown } = watched();
  const answer = [item(DJANGO)];
  assert.equal(await attributions.of(Promise.resolve(answer)), answer);
  await attributions.of(Promise.resolve([{ insertText: "own" }]));
  assert.match(shown[0]?.text ?? "", /django: BSD-3-Clause$/);
  assert.match(shown[0]?.tooltip ?? "", /django\/shortcuts\.py \(BSD-3-Clause\): 64 tokens/);
  assert.equal(shown[1], undefined);
});

test("the page names each file once, the last first", async () => {
  const { attributions } = watched();
  assert.match(attributions.page(), /No suggestion/);
  for (const match of [DJANGO, FLASK, DJANGO]) await attributions.of(Promise.resolve([item(match)]));
  assert.deepEqual(attributions.page().match(/^- \w+/gm), ["- django", "- flask"]);
});

test("a request that fails is not swallowed", async () => {
  await assert.rejects(watched().attributions.of(Promise.reject(new Error("cancelled"))));
});
