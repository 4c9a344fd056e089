import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./assets.js";

const { advantage, duration, inline, number, rewardName, rewardSum, signed, sizeOf } =
  await load("core/format.js");

test("numbers are short, and missing ones are a dash", () => {
  const cases = [
    [0, "0"], [1, "1"], [0.12345, "0.123"], [-2.5, "−2.5"], [1234.5, "1235"], [1e-4, "1.0e-4"],
    [-1e6, "−1.0e6"], [null, "–"], [undefined, "–"], [Number.NaN, "–"], [Infinity, "–"],
  ];
  for (const [value, text] of cases) assert.equal(number(value), text);
  assert.equal(number(0.98765, 2), "0.99");
  assert.equal(number(1.5e-5, 2), "1.5e-5"); // the middle of an axis
});

test("signs", () => {
  assert.deepEqual([1.5, -1.5, 0, null].map((value) => signed(value)), ["+1.5", "−1.5", "0", "–"]);
  const values = [1.234, -0.4, 0, -0.001, null];
  assert.deepEqual(values.map(advantage), ["+1.23", "−0.40", "0.00", "0.00", "–"]);
});

test("durations", () => {
  assert.deepEqual([-1, 47, 200, 3900].map(duration), ["0 s", "47 s", "3 min 20 s", "1 h 5 min"]);
});

test("names of rewards turn no other words round", () => {
  assert.equal(rewardName("soft_overlong_reward"), "soft overlong");
  assert.equal(inline("a\u202eb\u2066c"), "abc");
  const config = { reward_funcs: ["accuracy_reward", "format_reward"], reward_weights: [1, 0.3] };
  assert.equal(rewardSum(config), "1 x accuracy + 0.3 x format");
});

test("a size is in tokens, or in characters where no tokens are on record", () => {
  assert.equal(sizeOf({ length: 84, tokens: [] }), "84 tokens");
  assert.equal(sizeOf({ length: null, tokens: ["a", "b"] }), "2 tokens");
  assert.equal(sizeOf({ characters: 7, length: 0, tokens: ["a"] }), "7 characters");
});
