import assert from "node:assert/strict";
import { test } from "node:test";
import { explanationText } from "../src/explanation";

test("an explanation shows the suggestion, all its lines, and why", () => {
  const answer = { text: "a\nb", milliseconds: 12.3, explanation: ["the prompt has 9 tokens:"] };
  const text = explanationText(answer, "x.py:3:1");
  assert.match(text, /^x\.py:3:1\n\nSuggested\n\n {4}a\n {4}b\n\nWhy\n\n {4}the prompt has 9 tokens:\n/);
  assert.match(text, /12 ms/);
});

test("silence is explained too", () => {
  const answer = { text: null, reason: "inside a word", milliseconds: 1, explanation: [] };
  assert.match(explanationText(answer, "x.py:3:1"), /Nothing is suggested: inside a word\./);
});

test("its lines stand under each other as they would in the file", () => {
  const answer = { text: "a\n    b", milliseconds: 1, explanation: [] };
  assert.match(explanationText(answer, "x.py:3:5", "    "), /\n {8}a\n {8}b\n/);
  assert.match(explanationText(answer, "x.py:3:5", "if "), /\n {4}a\n {8}b\n/);
});
