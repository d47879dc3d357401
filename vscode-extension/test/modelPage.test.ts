import assert from "node:assert/strict";
import { test } from "node:test";
import { modelPage } from "../src/modelPage";

const MODEL = {
  folder: "/models/small",
  problem: null,
  name: "tabwright-small",
  license: "Apache-2.0",
  sha256: { "model.onnx": "ab".repeat(32), "tokenizer.json": "cd".repeat(32) },
  text: "# A card\n\n![Its curve](training-curve.png)\n\nWords.\n",
};

test("the page has the name, the licence, the folder, each file's checksum and the card", () => {
  const page = modelPage(MODEL) ?? "";
  assert.match(page, /^# tabwright-small\n\n- Licence: Apache-2\.0\n- Folder: \/models\/small\n\n\| File \| SHA-256 \|\n/);
  assert.match(page, /^\| `model\.onnx` \| `(ab){32}` \|$/m);
  assert.match(page, /^\| `tokenizer\.json` \| `(cd){32}` \|$/m);
  assert.match(page, /\n\n---\n\n# A card\n/);
});

test("pictures of the card, which the editor could not show, leave their words", () => {
  assert.match(modelPage(MODEL) ?? "", /\n\n\*Its curve\*\n\n/);
  assert.doesNotMatch(modelPage(MODEL) ?? "", /training-curve/);
});

test("nothing of a model has the preview fetch anything", () => {
  const fetching = ['<img src="https://h/1.png">', "![a][b]", "![a](<https://h/(2).png>)", "<STYLE>@import 'https://h/3'</STYLE>"];
  for (const one of fetching) {
    for (const key of ["name", "license", "problem", "text"]) {
      const page = modelPage({ ...MODEL, text: null, [key]: `x ${one}\n\n[b]: https://h/4.png` }) ?? "";
      assert.doesNotMatch(page, /<[a-z/]|(?<!\\)!\[/i);
    }
  }
});

test("a model of one's own without card or licence is told of all the same", () => {
  const page = modelPage({ ...MODEL, license: null, sha256: {}, text: null });
  assert.match(page ?? "", /^# tabwright-small\n\n- Licence: not told\n.*\n\nThere is no model card beside this model\.\n/);
});

test("what is wrong with a model is on its page, with the file that cannot be read", () => {
  const page = modelPage({ folder: "/m", problem: "model.onnx is missing", name: null, sha256: { "model.onnx": null } });
  assert.match(page ?? "", /^# A model without a name\n\n.*- Problem: model\.onnx is missing\n/s);
  assert.match(page ?? "", /^\| `model\.onnx` \| cannot be read \|$/m);
});

test("what is not an answer of this kind is no page", () => {
  for (const answer of [null, "a model", {}, { sha256: 3 }]) assert.equal(modelPage(answer), undefined);
});
