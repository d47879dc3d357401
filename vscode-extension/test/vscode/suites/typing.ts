// Ghost text while somebody types: that it comes, that it goes along, that it is never an old one.

import assert from "node:assert/strict";
import { becomes, ghost, open, pause, press, shown, silence, type, until } from "../editor";
import { test } from "../harness";

export function typing(): void {
  test("ghost text appears after the cursor while somebody types", async () => {
    await open("# fake: return a + b\ndef add(a, b):\n    x = 1|\n");
    await press("Enter");
    await ghost("return a + b");
  });

  test("ghost text has all its lines", async () => {
    await open("# fake: total = a + b\\n    return total\ndef add(a, b):|\n");
    await press("Enter");
    await ghost("total = a + b\n    return total");
  });

  test("typing what is suggested only makes the rest shorter", async () => {
    await open("# fake: return a + b\ndef add(a, b):|\n");
    await press("Enter");
    await ghost("return a + b");
    for (const [key, rest] of Object.entries({ r: "eturn a + b", e: "turn a + b", t: "urn a + b" })) {
      await press(key);
      await ghost(rest);
    }
  });

  test("typing something else takes the ghost text away", async () => {
    await open("# fake: return a + b\ndef add(a, b):|\n");
    await press("Enter");
    await ghost();
    await type("zz");
    await until(async () => !(await shown()).includes("return a + b") || undefined, "the old ghost text to go");
  });

  test("a hundred fast keys leave the document as typed and no old ghost text on it", async () => {
    const document = await open("# fake: # slow\\n    return a + b\n# slow\ndef add(a, b):|\n");
    const typed = "value = [first + second for first in numbers for second in others if first != second + 1]  # xyz";
    await press("Enter");
    await type(typed, 5);
    await becomes(document, `# fake: # slow\\n    return a + b\n# slow\ndef add(a, b):\n    ${typed}\n`);
    const last = await shown();
    await pause(1000);
    const now = await shown();
    assert(now === "" || last === "" || now.endsWith(last) || last.endsWith(now), `${last} became ${now}`);
  });

  test("Escape dismisses the ghost text and leaves the document alone", async () => {
    const document = await open("# fake: return a + b\ndef add(a, b):|\n");
    await press("Enter");
    await ghost();
    await press("Escape");
    await until(async () => (await shown()) === "" || undefined, "the ghost text to go"); // a busy editor takes a moment
    await silence(500);
    assert.equal(document.getText(), "# fake: return a + b\ndef add(a, b):\n    \n");
  });

  test("nothing is suggested in the middle of a word", async () => {
    await open("# fake: return a + b\nresult|value = 1\n");
    await type("s");
    await silence();
  });
}
