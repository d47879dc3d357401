import assert from "node:assert/strict";
import { test } from "node:test";
import { Attributions, isShown, itemsOf, matchesOf, textsOf } from "../src/attribution";

const DJANGO = { project: "django", file: "django/shortcuts.py", license: "BSD-3-Clause", tokens: 64 };
const FLASK = { project: "flask", file: "flask/app.py", license: "BSD-3-Clause", tokens: 20 };
const OWN = { insertText: "own" };

function item(...matches: unknown[]): object {
  return { insertText: "x", command: { command: "tabwright.accepted", arguments: ["7", { attribution: matches }] } };
}

test("items are found in lists of them and in objects that have one", () => {
  for (const answer of [[item(DJANGO), OWN], { items: [item(DJANGO), OWN] }]) {
    assert.deepEqual(itemsOf(answer).map(matchesOf), [[DJANGO], []]);
    assert.deepEqual(textsOf(answer), ["x", "own"]);
  }
  assert.deepEqual(textsOf([{ insertText: { kind: "snippet", value: "y" } }]), ["y"]);
});

test("what says nothing of a corpus, or not in our words, is not marked", () => {
  const accepted = { command: "tabwright.accepted", arguments: ["7"] };
  for (const answer of [undefined, null, [], {}, [null], [{ command: accepted }], [item({ ...DJANGO, tokens: "many" })], { items: 3 }]) {
    const attributions = new Attributions();
    assert.equal(attributions.take(answer), undefined);
    assert.match(attributions.page(), /No suggestion/);
  }
});

test("a suggestion is marked with project and licence, and the next one is not", () => {
  const attributions = new Attributions();
  const mark = attributions.take([item(DJANGO)]);
  assert.match(mark?.text ?? "", /django: BSD-3-Clause$/);
  assert.match(mark?.tooltip ?? "", /^The suggestion also stands in django, django\/shortcuts\.py \(BSD-3-Clause\): 64 tokens/);
  assert.equal(attributions.take([OWN]), undefined);
});

test("of several suggestions, the one is named that the mark is about", () => {
  const mark = new Attributions().take([OWN, item(FLASK), item(DJANGO)]);
  assert.match(mark?.tooltip ?? "", /^Suggestion 2 of 3 also stands in flask/);
});

test("the page names each file once, the last first", () => {
  const attributions = new Attributions();
  for (const match of [DJANGO, FLASK, DJANGO]) attributions.take([item(match)]);
  assert.deepEqual(attributions.page().match(/^- \w+/gm), ["- django", "- flask"]);
});

test("a text is on the screen while a part of it is typed, and no longer when all of it stands there", () => {
  const texts = ["return a\r\nreturn b", "pass"];
  for (const typed of ["", "ret", "return a\n", "pas"]) assert.equal(isShown(texts, typed), true, typed);
  for (const typed of ["return a\nreturn b", "pass", "retx", "return a\nreturn b\n"]) assert.equal(isShown(texts, typed), false, typed);
});
