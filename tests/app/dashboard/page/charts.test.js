/** Axes, and how long the rest of a run will take. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./assets.js";

const { horizontalEnd, roundUp, stepTicks, verticalAxis } = await load("panels/scale.js");
const { evaluationsLeft, secondsLeft } = await load("panels/pace.js");

test("an axis ends at a round number that holds all values", () => {
  for (const value of [1e-6, 0.011, 0.3, 1, 7.1, 99, 12345]) {
    assert.ok(roundUp(value) >= value && roundUp(value) <= 2 * value);
  }
  assert.equal(roundUp(0), 1);
  const mixed = verticalAxis([[0.2, null], [-0.4]]);
  assert.deepEqual(mixed, { low: -0.4, high: 0.2, ticks: [-0.4, 0, 0.2] });
  assert.deepEqual(verticalAxis([[0.2]], 1), { low: 0, high: 1, ticks: [0, 0.5, 1] });
  assert.deepEqual(verticalAxis([[]]), { low: 0, high: 1, ticks: [0, 0.5, 1] });
});

test("steps: a live run has air, and none beyond what is planned", () => {
  assert.deepEqual([horizontalEnd(40, 100, false), horizontalEnd(0, 100, false)], [40, 1]);
  assert.deepEqual([horizontalEnd(40, 45, true), horizontalEnd(40, undefined, true)], [45, 50]);
  assert.deepEqual(stepTicks(100), [0, 50, 100]);
  assert.deepEqual(stepTicks(3), [0, 1, 2, 3]);
});

test("what is left is counted by medians, evaluations apart", () => {
  assert.equal(evaluationsLeft(5, 20, 10), 2);
  assert.equal(evaluationsLeft(5, 25, 10), 3); // one more after the last step
  assert.equal(evaluationsLeft(25, 25, 10), 0);
  assert.equal(evaluationsLeft(0, 10, null), 1);
  assert.equal(secondsLeft(10, 20, 10, [1, 1, 100, null], [3]), 13);
  assert.equal(secondsLeft(10, 20, 10, [null], []), null);
});
