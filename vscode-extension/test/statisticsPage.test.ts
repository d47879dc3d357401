import assert from "node:assert/strict";
import { test } from "node:test";
import { statisticsPage } from "../src/statisticsPage";

const PAGE = "<!doctype html>\n<html><head><title>t</title></head>\n<body><h1>Suggestions</h1><p>$& 12 %</p></body></html>\n";
const SETTING = ["workbench.action.openSettings", { query: "@id:tabwright.signals" }] as const;
const POLICY = /^<!doctype html>\n<html[^>]*><head>(<meta charset="utf-8">)?<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">/;

test("the figures are shown as the tool wrote them, in the editor's colours", () => {
  const page = statisticsPage(PAGE);
  assert.match(page, /<body><h1>Suggestions<\/h1><p>\$& 12 %<\/p>/);
  assert.match(page, /--vscode-editor-foreground.*<\/head>/s);
  assert.doesNotMatch(page, /Open the Setting/);
});

test("where the setting is off, the page says so and has a button that opens it, with figures and without", () => {
  for (const figures of [PAGE, undefined]) {
    const page = statisticsPage(figures, SETTING);
    const link = /href="command:workbench\.action\.openSettings\?([^"]+)">Open the Setting/.exec(page);
    assert.deepEqual(JSON.parse(decodeURIComponent(link?.[1] ?? "")), [SETTING[1]]);
    assert.match(page, /is\s+off/);
  }
});

test("where nothing was kept yet, that is said", () => {
  assert.match(statisticsPage(undefined), /Nothing was kept in the last 30 days/);
});

test("whatever the tool wrote, no page may run a script or ask a network", () => {
  for (const figures of [PAGE, undefined]) {
    for (const setting of [undefined, SETTING]) {
      const page = statisticsPage(figures, setting);
      assert.match(page, POLICY);
      assert.doesNotMatch(page, /<script|https?:/);
    }
  }
});
