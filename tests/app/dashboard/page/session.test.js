/** The parts of a session that need no page: what it knows, and where in time it is. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./assets.js";

const { State } = await load("core/state.js");
const { Player } = await load("core/player.js");
const { Overlays } = await load("core/overlays.js");
const { Api } = await load("core/api.js");

const run = (fields) => ({ key: "a", name: "a", recorded: false, live: false, step: 3, ...fields });

function metrics(steps, fields = {}) {
  const columns = { metrics: { reward: steps.map((step) => step / 10) }, phases: {} };
  return { type: "metrics", run: "a", reset: false, steps, ...columns, ...fields };
}

/** A state that shows the run "a". */
function shown(fields = {}, steps = [0, 1, 2, 3]) {
  const state = new State();
  state.receive({ type: "runs", now: Date.now() / 1000, runs: [run(fields)] });
  state.turnTo("a");
  if (steps.length) state.receive(metrics(steps, { reset: true }));
  return state;
}

test("metrics are appended, replaced where they came before, and filled where they are missing", () => {
  const state = shown({}, [0, 1]);
  state.receive(metrics([2], { metrics: { length: [7] } }));
  state.receive(metrics([1, 2], { metrics: { reward: [5, 6] } }));
  assert.deepEqual(state.steps, [0, 1, 2]);
  assert.deepEqual(state.history.metrics.get("reward"), [0, 5, 6]);
  assert.deepEqual(state.history.metrics.get("length"), [null, null, null]);
  state.receive(metrics([4], { reset: true }));
  assert.deepEqual([state.steps, [...state.history.metrics.keys()]], [[4], ["reward"]]);
});

test("messages of another run are left", () => {
  const state = shown();
  for (const type of ["board", "findings", "atlas", "metrics"]) {
    state.receive({ type, run: "b", steps: [9], metrics: {}, cells: [], prompts: {}, firsts: {} });
  }
  assert.deepEqual([state.record, state.findings, state.atlas], [null, null, null]);
  assert.deepEqual(state.steps, [0, 1, 2, 3]);
});

test("of a type that nobody knows, as a new panel's, the last message is kept until the next run", () => {
  const state = shown();
  for (const value of [1, 2]) state.receive({ type: "new", run: "a", value });
  assert.equal(state.latest.get("new").value, 2);
  state.turnTo("b");
  assert.equal(state.latest.size, 0);
});

test("the atlas comes in parts", () => {
  const state = shown();
  const part = { type: "atlas", run: "a", reset: true, firsts: {}, last: 1 };
  state.receive({ ...part, cells: [[1]], prompts: { 0: "one" } });
  state.receive({ ...part, reset: false, cells: [[2]], prompts: { 1: "two" }, firsts: { x: {} } });
  assert.deepEqual(state.atlas.cells, [[1], [2]]);
  assert.deepEqual([...state.atlas.prompts], [[0, "one"], [1, "two"]]);
  assert.deepEqual(state.atlas.firsts, { x: {} });
});

test("a run is chosen: live, the one before, one's own, recorded, any", () => {
  const state = new State();
  const choose = (runs, before = null) => {
    state.receive({ type: "runs", now: 0, runs });
    return state.choose(before);
  };
  const recorded = run({ key: "r", recorded: true, live: true });
  const [live, own, empty] = [run({ key: "l", live: true }), run({ key: "o" }), run({ key: "e", step: null })];
  assert.equal(choose([recorded, own, live], "o"), "l");
  assert.equal(choose([recorded, own], "r"), "r");
  assert.equal(choose([recorded, own]), "o");
  assert.equal(choose([empty, recorded]), "r");
  assert.equal(choose([empty]), "e");
  assert.equal(choose([]), null);
});

test("only the entry that changed is replaced", () => {
  const state = new State();
  state.receive({ type: "runs", now: 0, runs: [run(), run({ key: "b" })] });
  state.receive({ type: "run", now: 0, run: run({ key: "b", step: 9 }) });
  assert.deepEqual(state.runs.map(({ key, step }) => [key, step]), [["a", 3], ["b", 9]]);
});

test("a replay of a recorded run goes on, rests at its end and begins again", () => {
  const player = new Player(shown({ recorded: true }));
  player.play();
  const seen = [player.step];
  for (let i = 0; i < 10; i++) if (player.beat()) seen.push(player.step);
  assert.deepEqual(seen, [1, 2, 3, 1]);
  assert.equal(player.playing, true);
});

test("a replay of a run of one's own ends with going along", () => {
  const player = new Player(shown());
  player.set(2, true);
  assert.deepEqual([player.beat(), player.step, player.beat()], [true, 3, true]);
  assert.deepEqual([player.cursor, player.playing, player.beat()], [null, false, false]);
});

test("one step on or back, and no further than there are", () => {
  const player = new Player(shown());
  assert.deepEqual([player.beside(1), player.beside(-1), player.beside(-9)], [3, 2, 0]);
  player.set(0);
  assert.deepEqual([player.beside(-1), player.beside(1)], [0, 1]);
  assert.equal(new Player(shown({}, [])).beside(1), undefined);
});

test("a replay whose step went away begins again", () => {
  const state = shown({ recorded: true }, []);
  const player = new Player(state);
  player.set(1, true);
  state.receive(metrics([0, 5, 6], { reset: true }));
  player.stepsChanged();
  assert.equal(player.cursor, 5);
});

test("a fork's curve begins at the step it was forked at", async () => {
  const state = new State();
  const runs = [run({ key: "p", name: "p" }), run({ key: "f", name: "f", forked: { run: "p", step: 10 } })];
  state.receive({ type: "runs", now: 0, runs });
  const asked = [];
  const source = { get: async (path) => asked.push(path) && { steps: [0, 1], metrics: {} } };
  let changed = 0;
  const overlays = new Overlays(state, new Api(source), () => changed++);
  state.turnTo("p");
  await overlays.fetch(["f", "p", "missing"]);
  await overlays.fetch(["f"]); // it has come, and is not live
  assert.deepEqual([asked, changed], [["metrics?run=f"], 1]);
  const drawn = { name: "f (from step 10)", steps: [10, 11], metrics: {} };
  assert.deepEqual(overlays.drawn(["f", "p"]), [drawn]);
  assert.deepEqual(Overlays.toggled(["a", "b", "c"], "d"), ["b", "c", "d"]);
  assert.deepEqual(Overlays.toggled(["a", "b"], "a"), ["b"]);
});

test("what cannot be had is asked for again next time", async () => {
  const answers = [null, [{ name: "x" }]];
  const api = new Api({ get: async () => answers.shift() });
  assert.deepEqual(await api.glossary(), []);
  assert.deepEqual(await api.glossary(), [{ name: "x" }]);
  assert.deepEqual(await api.glossary(), [{ name: "x" }]); // kept
});
