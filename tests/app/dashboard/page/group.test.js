/** What is worked out of a group: where answers begin, orders, shades, what two share. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { card, load } from "./assets.js";

const { answerStart } = await load("panels/tokens.js");
const { order, SORTS } = await load("panels/sort.js");
const { common } = await load("tools/compare.js");
const { obedience, obediences, SHADES, shadeOf } = await load("panels/shades.js");
const { best, factsOf, hardest } = await load("panels/stops.js");

test("an answer begins with its tag, and what follows stands with it", () => {
  const starts = { TtTAaAo: 3, TTTtTTTAAAAaAAA: 7, oooo: 4, AaATt: 0, AA: 0, "": 0 };
  for (const [parts, start] of Object.entries(starts)) assert.equal(answerStart({ parts }), start);
});

test("cards stand in an order: most first, ties as they were sampled, unknown ones last", () => {
  const cards = [
    card({ reward: 1, advantage: null, length: 3 }),
    card({ reward: 2, advantage: -1, length: 1, characters: 9 }),
    card({ reward: 1, advantage: 1, length: 3 }),
  ];
  const orders = { sample: [0, 1, 2], reward: [1, 0, 2], advantage: [2, 1, 0], length: [1, 0, 2] };
  assert.deepEqual(Object.keys(orders), SORTS.map(({ id }) => id));
  for (const [id, places] of Object.entries(orders)) assert.deepEqual(order(cards, id), places);
  assert.deepEqual(order(cards, "nonsense"), [0, 1, 2]);
});

test("what two completions share is the longest common subsequence", () => {
  const [left, right] = common(["a", "b", "c", "d"], ["b", "x", "d"]);
  assert.deepEqual(left, [false, true, false, true]);
  assert.deepEqual(right, [true, false, true]);
  assert.deepEqual(common([], ["a"]), [[], [false]]);
});

test("a token obeys its push, or does not, or hardly moves", () => {
  const one = card({ tokens: ["a", "b", "c", "d"], push: [5, 5, -5, 0], change: [1, -1, 0.001, 1] });
  assert.deepEqual([0, 1, 2, 3].map((i) => obedience(one, i)), [true, false, null, null]);
  assert.deepEqual(obediences([one, card()]), { tokens: 4, moved: 2, obeyed: 1 });
});

test("every shade gives every token a class, and says when it was not recorded", () => {
  const tokens = ["a", "b"];
  const full = card({
    tokens, logprob: [-0.01, -4], push: [-1000, 250], change: [0.2, -0.4], entropy: [0.05, 3],
    kl: [0, 1], ratio: [1, 0.5], held: [1], advantages: [1, -1], values: [0.5, 0],
  });
  const board = { completions: [full, card({ tokens, logprob: [-0.5, -0.5] })], push_unit: 0.001 };
  const classes = {
    push: ["n4", "p1"], change: ["p2 held", "n4 held"], logprob: ["", "s4"], entropy: ["", "s4"],
    kl: ["", "s3"], ratio: ["", "n4 held"], advantage: ["p4", "n4"], value: ["p4", ""],
  };
  assert.deepEqual(Object.keys(classes), SHADES.map(({ id }) => id));
  for (const shade of SHADES) {
    const { of } = shade.scale(board);
    assert.deepEqual(tokens.map((_, i) => of(full, i)), classes[shade.id], shade.id);
    assert.equal(shade.has(full), true);
    assert.equal(shadeOf(shade.id, board), shade);
  }
  assert.equal(shadeOf("kl", { completions: [card()] }).id, "push");
  assert.equal(shadeOf("kl", null).id, "push");
});

test("the tour finds its moments in the run", () => {
  // step, group, prompt, mean, dead, well-formed, solved, spread
  const cells = [
    [1, 0, 0, 0.1, true, 0, 0, 0], [2, 1, 1, 0.5, false, 0.5, 0.5, 0.9],
    [3, 0, 2, 0.5, false, 1, 0.5, 0.4],
  ];
  const session = {
    shown: "run", lastStep: 3, room: { student: true },
    run: { config: { reward_funcs: ["x_reward"], reward_weights: [2] } },
    series: (name) => (name === "eval/accuracy" ? [0.1, null, 0.7] : null),
  };
  const firsts = { "solved after backtracking": { step: 3, group: 1, completion: 0 } };
  const facts = factsOf(session, { cells, firsts });
  assert.deepEqual(facts.mixed, [3, 0]); // well-formed more often than right tells more
  assert.deepEqual([facts.dead, facts.search, facts.student], [[1, 0], [3, 1], true]);
  assert.deepEqual(facts.ends("eval/accuracy"), [0.1, 0.7]);
  assert.equal(facts.ends("backtracks"), null);
  assert.equal(facts.weights.get("x_reward"), 2);
  const board = { completions: [card({ reward: 1, length: 2 }), card({ reward: 1, length: 5 })] };
  assert.equal(best(board), 1);
  assert.equal(hardest(card({ push: [1, -7, 3] })), 1);
});
