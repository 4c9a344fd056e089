/** What a page knows: the runs, and of the one that it shows history, group, findings and atlas. */

/**
 * @typedef {import("./messages.js").FeedMessage} FeedMessage
 * @typedef {import("./messages.js").RunEntry} RunEntry
 *
 * @typedef {object} History of a run; columns have one value a step
 * @property {number[]} steps
 * @property {Map<string, Array<number|null>>} metrics
 * @property {Map<string, Array<number|null>>} phases seconds
 *
 * @typedef {object} Cells the atlas as far as it has come
 * @property {any[][]} cells see grpo_core/app/dashboard/atlas.py
 * @property {Map<number, string>} prompts
 * @property {Object<string, import("./messages.js").Place>} firsts
 */

export class State {
  constructor() {
    this.ready = null; // whether the whole page with its controls can be loaded
    /** @type {Object<string, string>} */
    this.methods = {}; // name -> how it is written
    /** @type {RunEntry[]} */
    this.runs = [];
    this.listed = false;
    this.clock = 0; // server's clock minus ours, in seconds
    this.turnTo(null);
  }

  /** Know of a run from now on, and nothing yet. @param {string|null} key */
  turnTo(key) {
    this.shown = key;
    this.history = emptyHistory();
    this.latest = new Map(); // type -> the last message of it about this run
    /** @type {Cells|null} */
    this.atlas = null;
  }

  /** The run list's entry of the run that is shown, or null. */
  get run() {
    return this.runs.find((run) => run.key === this.shown) ?? null;
  }

  /** The run that is training now, or null. */
  get live() {
    return this.runs.find((run) => run.live && !run.recorded) ?? null;
  }

  /** The group that is shown, as it was recorded. @returns {import("./messages.js").Board|null} */
  get record() {
    return this.latest.get("board") ?? null;
  }

  /** The diagnosis. @returns {import("./messages.js").Findings|null} */
  get findings() {
    return this.latest.get("findings") ?? null;
  }

  get steps() {
    return this.history.steps;
  }

  get lastStep() {
    return this.steps.length ? this.steps[this.steps.length - 1] : null;
  }

  /** The first step that trained: step 0 is the evaluation of the untouched model. */
  get firstStep() {
    return this.steps.find((step) => step > 0) ?? this.steps[0] ?? null;
  }

  /** Seconds the shown run has been going, or took. */
  get elapsed() {
    const run = this.run;
    if (!run?.started) return null;
    return (run.ended ?? Date.now() / 1000 + this.clock) - run.started;
  }

  /** The run to show when nobody chose one: live, else the one before, one's own, a recorded one. */
  choose(before) {
    const known = this.runs.find((run) => run.key === before);
    const made = this.runs.find((run) => !run.recorded && run.step > 0);
    const recorded = this.runs.find((run) => run.recorded);
    return (this.live ?? known ?? made ?? recorded ?? this.runs[0])?.key ?? null;
  }

  /** Take in a message; one of another run than the shown one is left. @param {FeedMessage} message */
  receive(message) {
    if (message.type === "hello") [this.ready, this.methods] = [message.ready, message.methods];
    else if (message.type === "runs") this.#receiveRuns(message.now, message.runs);
    else if (message.type === "run") this.#receiveRun(message);
    else if ("run" in message && message.run === this.shown) this.#receiveOfRun(message);
  }

  #receiveOfRun(message) {
    if (message.type === "metrics") this.#receiveMetrics(message);
    else if (message.type === "atlas") this.#receiveAtlas(message);
    else this.latest.set(message.type, message);
  }

  /** One entry of the list that is here already. @param {import("./messages.js").RunChange} message */
  #receiveRun({ now, run }) {
    this.#receiveRuns(now, this.runs.map((one) => (one.key === run.key ? run : one)));
  }

  #receiveRuns(now, runs) {
    this.listed = true;
    this.runs = runs;
    this.clock = now - Date.now() / 1000;
  }

  /** @param {import("./messages.js").Metrics} message */
  #receiveMetrics(message) {
    if (message.reset) this.history = emptyHistory();
    const { steps, metrics, phases } = this.history;
    const known = steps.indexOf(message.steps[0]);
    const at = known < 0 ? steps.length : known;
    put(metrics, message.metrics, at, message.steps.length, steps.length);
    put(phases, message.phases ?? {}, at, message.steps.length, steps.length);
    message.steps.forEach((step, i) => (steps[at + i] = step));
  }

  /** @param {import("./messages.js").Atlas} message */
  #receiveAtlas({ reset, cells, prompts, firsts }) {
    if (reset || !this.atlas) this.atlas = { cells: [], prompts: new Map(), firsts: {} };
    this.atlas.cells.push(...cells);
    for (const [id, text] of Object.entries(prompts)) this.atlas.prompts.set(Number(id), text);
    this.atlas.firsts = firsts;
  }
}

/** @returns {History} */
function emptyHistory() {
  return { steps: [], metrics: new Map(), phases: new Map() };
}

/**
 * Put columns of `count` new values into those of `before` old ones, at a place in them or at their
 * end; what is missing is null.
 */
function put(columns, news, at, count, before) {
  for (const name of Object.keys(news)) {
    if (!columns.has(name)) columns.set(name, Array.from({ length: before }, () => null));
  }
  for (const [name, values] of columns) {
    for (let i = 0; i < count; i++) values[at + i] = news[name]?.[i] ?? null;
  }
}
