import assert from "node:assert/strict";
import { test } from "node:test";
import { Restarts } from "../src/restarts";

test("the pauses grow with each crash, and the fifth within three minutes is the last", () => {
  const restarts = new Restarts();
  const pauses = [0, 10, 20, 30, 40].map((now) => restarts.pauseAfterCrash(now * 1000));
  assert.deepEqual(pauses, [0, 1_000, 4_000, 16_000, undefined]);
});

test("a server that crashes now and then is always started again at once", () => {
  const restarts = new Restarts();
  for (let minutes = 0; minutes < 60; minutes += 4) assert.equal(restarts.pauseAfterCrash(minutes * 60_000), 0);
});

test("who asks for a start gets all attempts again", () => {
  const restarts = new Restarts();
  for (let crash = 0; crash < 5; crash++) restarts.pauseAfterCrash(crash);
  restarts.forget();
  assert.equal(restarts.pauseAfterCrash(10), 0);
});
