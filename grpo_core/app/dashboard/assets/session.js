/**
 * What one page knows and shows: the runs, one run's history, one group, and where in time it is.
 * Panels read it and call its methods; it tells them, at most once a frame, that it changed.
 */

import { inline } from "./format.js";
import { Room } from "./room.js";
import { Trial } from "./trial.js";
import { MOST_OTHERS, readView, writeView } from "./view.js";

const REPLAY_MS = 500; // between two steps of a replay
const REFRESH_TICKS = 4; // between two looks at a live run that is only overlaid
const REST_TICKS = 8; // how long a replay rests at its end before it begins again
const LATE_MS = 1000; // until the address is written again that a browser would not write

export class Session {
  /** @param {object} source see socket.js @param {Location|null} place whose hash holds the view */
  constructor(source, place = globalThis.location) {
    this.source = source;
    this.place = place;
    this.connection = "connecting";
    this.ready = null;
    this.methods = {}; // name -> how it is written
    this.runs = [];
    this.listed = false;
    this.clock = 0; // server's clock minus ours, in seconds
    this.history = emptyHistory(null);
    this.record = null; // of the group that is shown: the feed's last board message
    this.findings = null; // the diagnosis, see diagnosis.js
    this.atlas = null; // {cells, prompts, firsts} as far as they have come, see atlas.js
    this.marked = []; // metrics whose charts are marked
    this.entries = null; // of the glossary, once asked for
    this.others = new Map(); // key of a run that is overlaid -> {steps, metrics}, once they came
    this.ticks = 0;
    this.codes = new Map(); // of functions, once asked for
    this.notice = null;
    this.pending = null;
    this.playing = false;
    this.resting = 0;
    this.automatic = null; // the run shown while the address names none
    this.shown = null;
    /** @type {import("./view.js").View} */
    this.view = readView(place?.hash ?? "");
    this.trial = new Trial(
      (path, body) => source.post(path, body),
      () => this.#set(() => {}),
    );
    this.room = new Room(this);
    this.cursor = this.view.step;
    this.subscribers = new Set();
    this.frame = 0;
    this.late = 0;
    this.timer = setInterval(() => this.tick(), REPLAY_MS);
    // newURL: by now the page may have written the address it had over the one that was asked for
    if (place) addEventListener("hashchange", ({ newURL }) => this.#goTo(new URL(newURL).hash));
    source.listen(
      (message) => this.receive(message),
      (connection) => this.#set(() => (this.connection = connection)),
    );
  }

  /** @param {() => void} update called once a frame in which something changed */
  subscribe(update) {
    this.subscribers.add(update);
    update();
  }

  close() {
    clearInterval(this.timer);
    clearTimeout(this.late);
    this.source.close();
    this.subscribers.clear();
  }

  // What panels ask

  /** The run list's entry of the run that is shown, or null. */
  get run() {
    return this.runs.find((run) => run.key === this.shown) ?? null;
  }

  /** The run that is training now, or null. */
  get live() {
    return this.runs.find((run) => run.live && !run.recorded) ?? null;
  }

  /** The group that is shown: as it was recorded, or after a trial. */
  get board() {
    return this.record?.masked ? this.record : (this.trial.board ?? this.record);
  }

  /** What the class does, the feed's message; null where there is no class. */
  get classroom() {
    return this.room.message;
  }

  /** Whether a part of the page is left out, see lesson.js. */
  hides(part) {
    return this.view.hidden.includes(part) || this.room.clears(part);
  }

  get steps() {
    return this.history.steps;
  }

  get lastStep() {
    return this.steps.length ? this.steps[this.steps.length - 1] : null;
  }

  /** The step that is shown. */
  get step() {
    return this.cursor ?? this.lastStep;
  }

  /** Whether the page moves on with the run by itself. */
  get following() {
    return this.cursor === null;
  }

  /** Seconds the shown run has been going, or took. */
  get elapsed() {
    const run = this.run;
    if (!run?.started) return null;
    return (run.ended ?? Date.now() / 1000 + this.clock) - run.started;
  }

  /** Values of a metric, one for each of `steps`. */
  series(name) {
    return this.history.metrics.get(name) ?? null;
  }

  /** The entries of the glossary; [] where they cannot be had. */
  glossary() {
    this.entries ??= this.source.get("glossary").then((answer) => {
      if (Array.isArray(answer)) return answer;
      this.entries = null; // ask again next time
      return [];
    });
    return this.entries;
  }

  /** Where a function of the kit stands, and its text; null where that cannot be had. */
  code(name) {
    if (!this.codes.has(name)) {
      const asked = this.source.get(`source?of=${encodeURIComponent(name)}`);
      this.codes.set(name, asked);
      asked.then((answer) => answer ?? this.codes.delete(name)); // ask again next time
    }
    return this.codes.get(name);
  }

  // What people do

  /** Mark the charts that show some metrics. */
  mark(metrics) {
    if (metrics.join() === this.marked.join()) return;
    this.#set(() => (this.marked = metrics));
  }

  chooseRun(key) {
    this.#set(() => {
      this.view = { ...this.view, run: key, step: null, group: 0, token: null };
      this.#show(key);
    });
  }

  /** Shade the tokens by something else. @param {string} shade see shades.js */
  chooseShade(shade) {
    this.#set(() => (this.view.shade = shade));
  }

  /** Put the cards in another order. @param {string} sort see sort.js */
  chooseSort(sort) {
    this.#set(() => (this.view.sort = sort));
  }

  /** Draw another run's curves beside the shown one's, or no longer. */
  overlay(key) {
    const { others } = this.view;
    const kept = others.filter((other) => other !== key);
    const some = kept.length < others.length ? kept : [...others, key].slice(-MOST_OTHERS);
    this.#set(() => (this.view.others = some));
    this.#fetchOthers();
  }

  /** Overlaid runs that are there: name, steps as the shown run counts them, metrics. */
  get overlays() {
    const found = this.view.others.filter((key) => key !== this.shown && this.others.has(key));
    return found.map((key) => {
      const { steps, metrics } = this.others.get(key);
      const run = this.runs.find((one) => one.key === key);
      const by = this.#shift(run);
      const name = inline(run?.name ?? key) + (by ? ` (from step ${Math.abs(by)})` : "");
      return { name, steps: steps.map((step) => step + by), metrics };
    });
  }

  /** A fork begins at the step that it was forked at. */
  #shift(other) {
    const { run } = this;
    if (run?.forked && run.forked.run === other?.name) return -run.forked.step;
    if (run && other?.forked && other.forked.run === run.name) return other.forked.step;
    return 0;
  }

  /** Ask for the metrics of overlaid runs that have not come, or that are live. */
  async #fetchOthers() {
    for (const key of this.view.others) {
      const run = this.runs.find((one) => one.key === key);
      if (!run || key === this.shown || (this.others.has(key) && !run.live)) continue;
      const answer = await this.source.get(`metrics?run=${encodeURIComponent(key)}`);
      if (answer?.metrics) this.#set(() => this.others.set(key, answer));
    }
  }

  /** Ask for all overlaid runs again. */
  forgetOthers() {
    this.others.clear();
    this.#fetchOthers();
  }

  /** Train a new run from a saved model of the shown one, and race it. */
  async fork(step, preset, options) {
    const parent = this.run.key;
    this.#set(() => ((this.notice = null), (this.pending = "start")));
    const path = `api/runs/${encodeURIComponent(parent)}/fork`;
    const answer = await this.source.post(path, { step, preset, options });
    this.#set(() => {
      this.pending = null;
      if (answer.error) this.notice = answer.error;
      else this.chooseRun(answer.run);
    });
    if (!answer.error && !this.view.others.includes(parent)) this.overlay(parent);
  }

  chooseGroup(group) {
    this.#set(() => {
      this.view.group = group;
      this.view.token = null;
    });
  }

  /** Look closer at one token, and hold the step it is of: the one that is shown unless told. */
  chooseToken(completion, token, step = this.record?.step) {
    this.goTo(step);
    this.#set(() => (this.view.token = [completion, token]));
  }

  /** Open a tool of the bench, or close it. @param {string|null} tool */
  chooseTool(tool) {
    this.#set(() => {
      this.view.tool = tool;
      if (tool !== "step") this.view.stage = null;
    });
  }

  /** Go to a stop of the guided tour, from 1; null ends it. @param {number|null} stop */
  chooseTour(stop) {
    this.#set(() => (this.view.tour = stop));
  }

  /** Show so much of the group. @param {string|null} stage */
  chooseStage(stage) {
    this.#set(() => (this.view.stage = stage));
  }

  /** Try something. @param {(trial: Trial) => void} change */
  attempt(change) {
    this.#set(() => change(this.trial));
  }

  /** Hold at one step. */
  goTo(step) {
    if (step === undefined || step === null) return;
    this.#set(() => {
      this.playing = false;
      this.cursor = step;
    });
  }

  /** One recorded step on or back. */
  move(by) {
    const at = this.steps.indexOf(this.step);
    const next = this.steps[Math.min(Math.max(at + by, 0), this.steps.length - 1)];
    if (next !== undefined) this.goTo(next);
  }

  /** Go with the run, or to its last step. */
  follow() {
    this.#set(() => {
      this.playing = false;
      this.cursor = null;
    });
  }

  /** Play from here, or from the beginning when at the end. */
  play() {
    this.#set(() => {
      if (this.cursor === null || this.cursor === this.lastStep) this.cursor = this.#firstStep();
      this.playing = true;
      this.resting = 0;
    });
  }

  hold() {
    this.goTo(this.step);
  }

  /** Train a new run and go to it. @param {object} options as in GRPOConfig */
  async start(options) {
    this.#set(() => ((this.notice = null), (this.pending = "start")));
    const answer = await this.source.post("api/runs", options);
    this.#set(() => {
      this.pending = null;
      if (answer.error) this.notice = answer.error;
      else this.chooseRun(answer.run);
    });
  }

  /** @param {"run"|"pause"|"step"|"stop"} want */
  async control(want) {
    const run = this.run;
    if (!run) return;
    this.#set(() => ((this.notice = null), (this.pending = want)));
    if (want === "run" || want === "step") this.follow();
    const path = `api/runs/${encodeURIComponent(run.key)}/control`;
    const answer = await this.source.post(path, { want });
    if (!answer.error && !answer.run) return;
    this.#set(() => {
      this.pending = null;
      if (answer.run) this.chooseRun(answer.run); // a stranger's run was copied: on with the copy
      this.notice = answer.error ?? answer.notice;
    });
  }

  dismiss() {
    this.#set(() => (this.notice = null));
  }

  /** Leave parts of the page out. @param {string[]} parts of lesson.js, or none */
  hide(parts) {
    this.#set(() => (this.view.hidden = parts));
  }

  /** Forget what the link sets. */
  forgetSettings() {
    this.#set(() => (this.view.settings = {}));
  }

  /**
   * Be where a view says: its run, its step (null: the latest) and the rest.
   * @param {import("./view.js").View} view @param {boolean} [playing] on from its step
   */
  turn(view, playing = false) {
    this.#set(() => {
      this.view = { ...view };
      if (view.run !== null) this.#show(view.run);
      else this.#show(this.#choose());
      this.playing = playing;
      this.cursor = view.step;
    });
    this.#fetchOthers();
  }

  /** Something of the class changed here. */
  touch() {
    this.#set(() => {});
  }

  // What arrives

  receive(message) {
    this.#set(() => {
      if (message.type === "hello") [this.ready, this.methods] = [message.ready, message.methods];
      else if (message.type === "runs") this.#receiveRuns(message);
      else if (message.type === "run") this.#receiveRun(message);
      else if (message.type === "metrics") this.#receiveMetrics(message);
      else if (message.type === "board" && message.run === this.shown) this.record = message;
      else if (message.type === "class") this.room.receive(message);
      else if (message.type === "atlas" && message.run === this.shown) this.#receiveAtlas(message);
      else if (message.type === "findings" && message.run === this.shown) this.findings = message;
      else if (message.type === "gone") this.#receiveGone(message.run);
    });
  }

  /** One entry of the list that is here already. */
  #receiveRun({ now, run }) {
    this.#receiveRuns({ now, runs: this.runs.map((one) => (one.key === run.key ? run : one)) });
  }

  #receiveRuns(message) {
    const before = JSON.stringify([this.run?.status, this.run?.step]);
    this.listed = true;
    this.runs = message.runs;
    this.clock = message.now - Date.now() / 1000;
    if (JSON.stringify([this.run?.status, this.run?.step]) !== before) this.pending = null;
    if (this.view.run === null) this.#show(this.#choose());
    else if (this.run === null) this.#show(this.view.run);
  }

  /** The run to show when the address names none: live, else one's own, else a recorded one. */
  #choose() {
    const known = this.runs.find((run) => run.key === this.automatic);
    const made = this.runs.find((run) => !run.recorded && run.step > 0);
    const recorded = this.runs.find((run) => run.recorded);
    const run = this.live ?? known ?? made ?? recorded ?? this.runs[0];
    this.automatic = run?.key ?? null;
    return this.automatic;
  }

  #receiveMetrics(message) {
    if (message.run !== this.shown) return;
    if (message.reset) this.history = emptyHistory(message.run);
    const { steps, metrics, phases } = this.history;
    const known = steps.indexOf(message.steps[0]);
    const at = known < 0 ? steps.length : known;
    put(metrics, message.metrics, at, message.steps.length, steps.length);
    put(phases, message.phases ?? {}, at, message.steps.length, steps.length);
    message.steps.forEach((step, i) => (steps[at + i] = step));
    if (this.playing && !steps.includes(this.cursor)) this.cursor = this.#firstStep();
  }

  #receiveAtlas({ reset, cells, prompts, firsts }) {
    if (reset || !this.atlas) this.atlas = { cells: [], prompts: new Map(), firsts: {} };
    this.atlas.cells.push(...cells);
    for (const [id, text] of Object.entries(prompts)) this.atlas.prompts.set(Number(id), text);
    this.atlas.firsts = firsts;
  }

  #receiveGone(key) {
    if (key !== this.shown) return;
    this.notice = `There is no run called ${inline(key)} any more.`;
    this.view = { ...this.view, run: null, step: null, group: 0, token: null };
    this.automatic = null;
    this.#show(this.#choose());
  }

  // Inside

  /** Turn to a run; a recorded one plays, unless the address names a step. */
  #show(key) {
    if (key === this.shown) return;
    this.shown = key;
    this.history = emptyHistory(key);
    this.record = null;
    this.findings = null;
    this.atlas = null;
    this.pending = null;
    const still = globalThis.matchMedia?.("(prefers-reduced-motion: reduce)").matches;
    this.playing = Boolean(this.run?.recorded) && this.view.step === null && !still;
    this.cursor = this.playing ? 1 : this.view.step;
    this.resting = 0;
  }

  /** The first step that trained: step 0 is the evaluation of the untouched model. */
  #firstStep() {
    return this.steps.find((step) => step > 0) ?? this.steps[0] ?? null;
  }

  /** One beat of the replay. */
  tick() {
    if (++this.ticks % REFRESH_TICKS === 0 && !document.hidden) this.#fetchOthers();
    if (!this.playing || this.cursor === null || document.hidden) return;
    const at = this.steps.indexOf(this.cursor);
    if (at < this.steps.length - 1) {
      this.#set(() => (this.cursor = this.steps[at + 1]));
    } else if (!this.run?.recorded) {
      this.#set(() => ((this.playing = false), (this.cursor = null)));
    } else if (++this.resting >= REST_TICKS) {
      this.#set(() => ((this.resting = 0), (this.cursor = this.#firstStep())));
    }
  }

  /** Somebody changed the address. */
  #goTo(hash) {
    const view = readView(hash);
    if (writeView(view) !== writeView(this.view)) this.turn(view);
  }

  /** Change something, then tell the server, the address and the panels. */
  #set(change) {
    change();
    this.trial.about(this.record, this.view.token, this.view.tool !== null);
    this.view.step = this.playing ? null : this.cursor;
    if (this.view.step !== null && this.view.run === null) this.view.run = this.shown;
    if (this.shown !== null) {
      const atlas = !this.hides("atlas") || this.view.tour !== null;
      this.source.watch({ run: this.shown, step: this.cursor, group: this.view.group, atlas });
    }
    this.room.moved();
    if (this.place && this.listed) this.#writeAddress();
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      for (const update of this.subscribers) update();
    });
  }

  /**
   * The view into the address. Browsers write so many in some seconds and no more (Safari 100,
   * Firefox and Chromium 200; the first two throw), which a slider that is drawn about passes.
   */
  #writeAddress() {
    const hash = writeView(this.view);
    if (hash === this.place.hash) return;
    try {
      history.replaceState(null, "", hash || this.place.pathname + this.place.search);
    } catch {
      // then later
    }
    if (hash === this.place.hash || this.late) return;
    this.late = setTimeout(() => {
      this.late = 0;
      this.#writeAddress();
    }, LATE_MS);
  }
}

function emptyHistory(run) {
  return { run, steps: [], metrics: new Map(), phases: new Map() };
}

/**
 * Put columns of `count` new values into those of `before` old ones, at a place in them or at their
 * end; what is missing is null.
 */
function put(columns, news, at, count, before) {
  for (const name of Object.keys(news)) {
    if (!columns.has(name)) columns.set(name, new Array(before).fill(null));
  }
  for (const [name, values] of columns) {
    for (let i = 0; i < count; i++) values[at + i] = news[name]?.[i] ?? null;
  }
}
