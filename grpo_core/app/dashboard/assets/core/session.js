/**
 * One page: what it knows (state.js), where in time it is (player.js), which view its address holds
 * (address.js), what it asks for (api.js). Panels read it and call its methods; it tells them, at
 * most once a frame, that it changed.
 */

import { Address } from "./address.js";
import { Api } from "./api.js";
import { inline } from "./format.js";
import { Overlays } from "./overlays.js";
import { Player } from "./player.js";
import { Room } from "../class/room.js";
import { State } from "./state.js";
import { Trial } from "./trial.js";

const BEAT_MS = 500; // between two steps of a replay
const REFRESH_BEATS = 4; // between two looks at a live run that is only overlaid

/**
 * @typedef {import("./messages.js").View} View
 * @typedef {import("./messages.js").Board} Board
 */

export class Session {
  /**
   * @param {import("./socket.js").Source} source
   * @param {Location|null} place whose hash holds the view
   */
  constructor(source, place = globalThis.location) {
    this.source = source;
    this.student = false; // whether this is a student's page
    /** @type {import("./socket.js").Connection} */
    this.connection = "connecting";
    this.state = new State();
    this.player = new Player(this.state);
    this.api = new Api(source);
    this.address = new Address(place, (view) => this.turn(view));
    this.others = new Overlays(this.state, this.api, () => this.touch());
    this.marked = []; // metrics whose charts are marked
    this.notice = null;
    this.pending = null;
    this.automatic = null; // the run shown while the address names none
    this.beats = 0;
    /** @type {View} */
    this.view = this.address.read();
    this.trial = new Trial(
      (path, body) => source.post(path, body),
      () => this.touch(),
    );
    this.room = new Room(this);
    this.player.set(this.view.step);
    this.subscribers = new Set();
    this.frame = 0;
    this.timer = setInterval(() => this.#beat(), BEAT_MS);
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
    this.address.close();
    this.source.close();
    this.subscribers.clear();
  }

  // What panels ask

  /** @returns {Location|null} */
  get place() {
    return this.address.place;
  }

  get ready() {
    return this.state.ready;
  }

  get methods() {
    return this.state.methods;
  }

  get runs() {
    return this.state.runs;
  }

  get listed() {
    return this.state.listed;
  }

  /** The key of the run that is shown. */
  get shown() {
    return this.state.shown;
  }

  get run() {
    return this.state.run;
  }

  get live() {
    return this.state.live;
  }

  get elapsed() {
    return this.state.elapsed;
  }

  get history() {
    return this.state.history;
  }

  get steps() {
    return this.state.steps;
  }

  get lastStep() {
    return this.state.lastStep;
  }

  get findings() {
    return this.state.findings;
  }

  get atlas() {
    return this.state.atlas;
  }

  /** The group that is shown, as it was recorded. */
  get record() {
    return this.state.record;
  }

  /** The group that is shown: as it was recorded, or after a trial. @returns {Board|null} */
  get board() {
    return this.record?.masked ? this.record : (this.trial.board ?? this.record);
  }

  /** The last message of a type about the shown run, or null. @param {string} type */
  latest(type) {
    return this.state.latest.get(type) ?? null;
  }

  /** What the class does, the feed's message; null where there is no class. */
  get classroom() {
    return this.room.message;
  }

  /** The step that is shown. */
  get step() {
    return this.player.step;
  }

  /** The step that is held; null while the page is at the latest. */
  get cursor() {
    return this.player.cursor;
  }

  get playing() {
    return this.player.playing;
  }

  /** Whether the page moves on with the run by itself. */
  get following() {
    return this.cursor === null;
  }

  /** Overlaid runs that are there, see overlays.js. */
  get overlays() {
    return this.others.drawn(this.view.others);
  }

  /** Whether a part of the page is left out, see lesson.js. */
  hides(part) {
    return this.view.hidden.includes(part) || this.room.clears(part);
  }

  /** Values of a metric, one for each of `steps`. */
  series(name) {
    return this.history.metrics.get(name) ?? null;
  }

  glossary() {
    return this.api.glossary();
  }

  code(name) {
    return this.api.code(name);
  }

  // What people choose

  /** Change a part of the view. @param {Partial<View>} part */
  look(part) {
    this.#set(() => (this.view = { ...this.view, ...part }));
  }

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
    this.look({ shade });
  }

  /** Put the cards in another order. @param {string} sort see sort.js */
  chooseSort(sort) {
    this.look({ sort });
  }

  /** Draw another run's curves beside the shown one's, or no longer. */
  overlay(key) {
    this.look({ others: Overlays.toggled(this.view.others, key) });
    this.others.fetch(this.view.others);
  }

  /** Ask for all overlaid runs again. */
  forgetOthers() {
    this.others.found.clear();
    this.others.fetch(this.view.others);
  }

  chooseGroup(group) {
    this.look({ group, token: null });
  }

  /** Look closer at one token, and hold the step it is of: by default the one that is shown. */
  chooseToken(completion, token, step = this.record?.step) {
    this.goTo(step);
    this.look({ token: [completion, token] });
  }

  /** Open a tool of the bench, or close it. @param {string|null} tool */
  chooseTool(tool) {
    this.look(tool === "step" ? { tool } : { tool, stage: null });
  }

  /** Go to a stop of the guided tour, from 1; null ends it. @param {number|null} stop */
  chooseTour(stop) {
    this.look({ tour: stop });
  }

  /** Show so much of the group. @param {string|null} stage */
  chooseStage(stage) {
    this.look({ stage });
  }

  /** Leave parts of the page out. @param {string[]} parts of lesson.js, or none */
  hide(parts) {
    this.look({ hidden: parts });
  }

  /** Forget what the link sets. */
  forgetSettings() {
    this.look({ settings: {} });
  }

  /** Try something. @param {(trial: Trial) => void} change */
  attempt(change) {
    this.#set(() => change(this.trial));
  }

  /**
   * Be where a view says: its run, its step (null: the latest) and the rest.
   * @param {View} view @param {boolean} [playing] on from its step
   */
  turn(view, playing = false) {
    this.#set(() => {
      this.view = { ...view };
      this.#show(view.run ?? this.#choose());
      this.player.set(view.step, playing);
    });
    this.others.fetch(this.view.others);
  }

  // Moving in time

  /** Hold at one step. */
  goTo(step) {
    if (step === undefined || step === null) return;
    this.#set(() => this.player.set(step));
  }

  /** One recorded step on or back. */
  move(by) {
    this.goTo(this.player.beside(by));
  }

  /** Go with the run, or to its last step. */
  follow() {
    this.#set(() => this.player.set(null));
  }

  /** Play from here, or from the beginning when at the end. */
  play() {
    this.#set(() => this.player.play());
  }

  hold() {
    this.goTo(this.step);
  }

  // Training

  /** Train a new run and go to it. @param {object} options as in GRPOConfig */
  async start(options) {
    await this.#begin(this.api.start(options));
  }

  /** Train a new run from a saved model of the shown one, and race it. */
  async fork(step, preset, options) {
    const parent = this.run.key;
    const begun = await this.#begin(this.api.fork(parent, step, preset, options));
    if (begun && !this.view.others.includes(parent)) this.overlay(parent);
  }

  /** Go to the run that was asked for, or say why there is none. @returns {Promise<boolean>} */
  async #begin(asked) {
    this.#set(() => ((this.notice = null), (this.pending = "start")));
    const answer = await asked;
    this.#set(() => {
      this.pending = null;
      if (answer.error) this.notice = answer.error;
      else this.chooseRun(answer.run);
    });
    return !answer.error;
  }

  /** @param {"run"|"pause"|"step"|"stop"} want */
  async control(want) {
    const run = this.run;
    if (!run) return;
    this.#set(() => ((this.notice = null), (this.pending = want)));
    if (want === "run" || want === "step") this.follow();
    const answer = await this.api.control(run.key, want);
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

  /** Something changed that is not the session's own. */
  touch() {
    this.#set(() => {});
  }

  // What arrives

  /** @param {import("./messages.js").FeedMessage} message */
  receive(message) {
    this.#set(() => {
      const before = this.#progress();
      this.state.receive(message);
      if (message.type === "class") this.room.receive(message);
      else if (message.type === "own") this.room.own = message;
      else if (message.type === "metrics" && message.run === this.shown) this.player.stepsChanged();
      else if (message.type === "gone") this.#receiveGone(message.run);
      else if (message.type === "runs" || message.type === "run") this.#listChanged(before);
    });
  }

  /** Changes whenever the shown run does something. */
  #progress() {
    return JSON.stringify([this.run?.status, this.run?.step]);
  }

  #listChanged(before) {
    if (this.#progress() !== before) this.pending = null;
    if (this.view.run === null) this.#show(this.#choose());
    else if (this.run === null) this.#show(this.view.run);
  }

  #receiveGone(key) {
    if (key !== this.shown) return;
    this.notice = `The run ${inline(key)} no longer exists.`;
    this.view = { ...this.view, run: null, step: null, group: 0, token: null };
    this.automatic = null;
    this.#show(this.#choose());
  }

  // Inside

  /** The run to show when the address names none. */
  #choose() {
    this.automatic = this.state.choose(this.automatic);
    return this.automatic;
  }

  /** Turn to a run; a recorded one plays, unless the address names a step. */
  #show(key) {
    if (key === this.shown) return;
    this.state.turnTo(key);
    this.pending = null;
    const still = globalThis.matchMedia?.("(prefers-reduced-motion: reduce)").matches;
    const plays = Boolean(this.run?.recorded) && this.view.step === null && !still;
    this.player.set(plays ? 1 : this.view.step, plays);
  }

  #beat() {
    this.beats++;
    if (document.hidden) return;
    if (this.beats % REFRESH_BEATS === 0) this.others.fetch(this.view.others);
    if (this.player.beat()) this.touch();
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
    if (this.listed) this.address.write(this.view);
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      for (const update of this.subscribers) update();
    });
  }
}
