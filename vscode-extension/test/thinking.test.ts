import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { Thinking } from "../src/thinking";

function watched(): { thinking: Thinking; told: boolean[] } {
  const told: boolean[] = [];
  return { thinking: new Thinking((now) => told.push(now)), told };
}

function later(): { promise: Promise<void>; resolve(): void; reject(error: Error): void } {
  let resolve = () => {};
  let reject = (_: Error) => {};
  const promise = new Promise<void>((done, failed) => {
    resolve = done;
    reject = failed;
  });
  return { promise, resolve, reject };
}

test("a request that is answered soon is never shown", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const { thinking, told } = watched();
  await thinking.during(Promise.resolve(1));
  mock.timers.tick(10_000);
  mock.timers.reset();
  assert.deepEqual(told, []);
});

test("requests that take long are shown as one, until the last has ended, however it ended", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const { thinking, told } = watched();
  const first = later();
  const second = later();
  const both = [thinking.during(first.promise), thinking.during(second.promise)];
  mock.timers.tick(1_000);
  assert.deepEqual(told, [true]);
  first.resolve();
  await both[0];
  assert.deepEqual(told, [true]);
  second.reject(new Error("cancelled"));
  await assert.rejects(both[1] ?? Promise.resolve());
  mock.timers.reset();
  assert.deepEqual(told, [true, false]);
});
