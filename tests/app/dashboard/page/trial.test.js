import assert from "node:assert/strict";
import { test } from "node:test";
import { card, load } from "./assets.js";

const { OWN, Trial } = await load("core/trial.js");

const record = {
  type: "board", run: "a", step: 3, group: 0, groups: [{}], completions: [card({ reward: 1 })],
};

/** A trial whose questions are answered by hand. */
function tried() {
  const asked = [];
  const trial = new Trial(
    (path, body) => new Promise((answer) => asked.push({ path, body, answer })),
    () => {},
  );
  return { trial, asked };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test("nothing is asked until somebody looks or tries something", () => {
  const { trial, asked } = tried();
  trial.about(record, null, false);
  assert.equal(asked.length, 0);
  trial.about(record, [0, 1], true);
  assert.equal(asked[0].path, "api/lens");
  const question = { run: "a", step: 3, group: 0, preset: OWN, weights: {}, edits: {} };
  assert.deepEqual(asked[0].body, { ...question, token: [0, 1] });
});

test("one question is under way at a time, and the last wish is asked next", async () => {
  const { trial, asked } = tried();
  trial.about(record, null, true);
  trial.weigh("x", 1);
  trial.weigh("x", 2);
  assert.equal(asked.length, 1);
  asked[0].answer({ board: { completions: [card({ reward: 7 })] }, facts: {} });
  await settled();
  assert.deepEqual(asked.map(({ body }) => body.weights), [{}, { x: 2 }]);
  assert.equal(trial.board.completions[0].reward, 7);
  assert.equal(trial.board.step, 3); // what the answer does not say is the record's
});

test("a refusal is told, and the record is shown", async () => {
  const { trial, asked } = tried();
  trial.about(record, null, true);
  trial.choosePreset("dapo");
  asked[0].answer({ error: "No." });
  await settled();
  asked[1].answer({ error: "Not that either." });
  await settled();
  assert.deepEqual([trial.problem, trial.board], ["Not that either.", null]);
});

test("weights stay with the run, words with the group", () => {
  const { trial } = tried();
  trial.about(record, null, true);
  trial.weigh("x", 2);
  trial.edit(0, "other words");
  trial.about({ ...record, step: 4 }, null, true);
  assert.deepEqual([trial.weights, trial.edits], [{ x: 2 }, {}]);
  trial.about({ ...record, run: "b" }, null, true);
  assert.deepEqual([trial.weights, trial.active], [{}, false]);
});

test("while a class is asked about the group, nothing is", () => {
  const { trial, asked } = tried();
  trial.about({ ...record, masked: "group" }, null, true);
  assert.equal(asked.length, 0);
});
