/**
 * The class that a page is in: what the server tells of it, whether this page follows the teacher or
 * leads, and which group a question is about. What is shown of it is in classroom.js.
 */

import { readView, writeView } from "./view.js";

const LEAD_PAUSE = 250; // milliseconds between two places that are told to followers
const LEADS = "grpo-lab-leads"; // in the tab's own storage, so that a reload goes on leading
const ASIDE = ["timeline", "diagnosis", "charts", "seconds", "atlas"]; // make room for a question

export class Room {
  /** @param {import("./session.js").Session} session */
  constructor(session) {
    this.session = session;
    this.message = null; // the feed's last class message
    this.problem = null; // why the last wish was refused
    this.detached = false; // a student who looks around alone while the teacher leads
    this.discreet = false; // a teacher who keeps the tallies back
    this.leading = Boolean(session.place) && stored(LEADS);
    this.told = null; // the place that followers were told last
    this.applied = null; // the place that this page was taken to last
    this.timer = 0;
    this.online = false;
    this.fresh = true; // no message came since the connection did
    this.asked = null; // the poll that this page was taken to
    this.before = null; // where it was before
    if (session.place && globalThis.BroadcastChannel) {
      this.tabs = new BroadcastChannel(LEADS);
      this.tabs.onmessage = () => this.lead(false, false);
      if (this.leading) this.tabs.postMessage("I lead");
    }
  }

  get teacher() {
    return this.message?.role === "teacher";
  }

  get student() {
    return this.message?.role === "student" || Boolean(this.session.student);
  }

  get poll() {
    return this.message?.poll ?? null;
  }

  get hunt() {
    return this.message?.hunt ?? null;
  }

  /** Whether this page goes where the teacher's goes. */
  get following() {
    return this.student && Boolean(this.message?.focus) && !this.detached;
  }

  // What people do

  /** Ask the server for something of the class. @returns {Promise<object>} its answer */
  async wish(path, body) {
    const answer = await this.session.source.post(`class/${path}`, body);
    this.problem = answer.error ?? null;
    this.session.touch();
    return answer;
  }

  /** @param {boolean} on @param {boolean} [say] whether the server and the other tabs are told */
  lead(on, say = true) {
    this.leading = on;
    store(LEADS, on);
    this.told = null;
    if (on) this.tabs?.postMessage("I lead");
    if (!on && say) this.wish("focus", { view: null });
    this.session.touch();
  }

  detach() {
    this.detached = true;
    this.session.touch();
  }

  /** Follow the teacher again. */
  rejoin() {
    this.detached = false;
    this.applied = null;
    this.#follow();
    this.session.touch();
  }

  /** Ask the class about the group that is shown, and hold it: a run in training goes on. */
  ask(kind) {
    const place = placeOf(this.session.record);
    this.#hold(place);
    return this.wish("poll", { kind, ...place });
  }

  /** Go to the group that is asked about. */
  visit() {
    if (this.poll && !this.at(this.poll)) this.#hold(placeOf(this.poll));
  }

  #hold(place) {
    const { view, shown, cursor, playing } = this.session;
    this.before ??= { view: { ...view, run: shown, step: cursor }, playing };
    this.#take({ ...view, ...place, tool: null, token: null, stage: null, tour: null });
  }

  /** When a question is over: back to where this page was, if it has not gone elsewhere since. */
  #return(poll) {
    const { before } = this;
    this.before = null;
    if (before && this.at(poll) && !this.following) this.#take(before.view, before.playing);
  }

  // What arrives

  /** A class message; called while the session changes. */
  receive(message) {
    const ended = this.message?.focus && !message.focus && !this.fresh;
    const over = message.poll ? null : this.poll;
    const masks = maskOf(message.poll) !== maskOf(this.poll);
    this.message = message;
    this.fresh = false;
    if (!message.focus) this.detached = false;
    if (ended && this.leading) this.lead(false, false); // by another tab
    if (message.poll && message.poll.id !== this.asked) {
      this.asked = message.poll.id;
      this.problem = null; // of the question before
      if (this.student && message.poll.state === "open") this.visit();
    }
    if (masks) this.session.forgetOthers(); // what they hide has changed
    if (over) this.#return(over);
    this.#follow();
  }

  /** Called after every change of the session. */
  moved() {
    const open = this.session.connection === "open";
    if (open && !this.online) {
      this.told = null; // a server that was started again may not know who leads
      this.fresh = true;
    }
    this.online = open;
    if (!this.message) return;
    const place = this.#place();
    if (this.following && this.applied !== null && place !== this.applied) this.detached = true;
    if (this.teacher && this.leading && open && place !== this.told && !this.timer) this.#tell();
  }

  /** Tell followers where this page is; what changes meanwhile is told next. */
  #tell() {
    this.told = this.#place();
    const view = JSON.parse(this.told);
    this.timer = setTimeout(() => {
      this.timer = 0;
      this.moved();
    }, LEAD_PAUSE);
    this.wish("focus", { view });
  }

  #follow() {
    const view = this.message?.focus?.view;
    if (!view || !this.following) return;
    if (this.applied !== null && same(view, this.given)) return;
    this.given = view;
    this.#take(clean(view));
  }

  /** Take this page to a place, which is not its own wish. */
  #take(view, playing = false) {
    const { hidden, settings } = this.session.view;
    this.applied = null;
    this.session.turn({ ...view, hidden, settings }, playing);
    this.applied = this.#place();
  }

  /** Where this page is, as text. */
  #place() {
    const { session } = this;
    const { hidden, settings, ...view } = session.view;
    return JSON.stringify({ ...view, run: session.shown, step: session.cursor });
  }

  /** Whether this page shows a group. */
  at({ run, step, group }) {
    const { session } = this;
    return session.shown === run && session.cursor === step && session.view.group === group;
  }

  /** Whether a part of the page makes room: question and cards are to be seen together. */
  clears(part) {
    const { poll } = this;
    if (!poll || !this.at(poll)) return false;
    return ASIDE.includes(part) || (part === "bench" && poll.state !== "revealed");
  }

  /** Whether a group's numbers must not be seen yet: the server sends none. */
  secret(run, step, group) {
    const { poll } = this;
    if (!poll || poll.state === "revealed") return false;
    return poll.run === run && poll.step === step && poll.group === group;
  }
}

function placeOf({ run, step, group }) {
  return { run, step, group };
}

/** Which question hides something, or null. */
function maskOf(poll) {
  return poll && poll.state !== "revealed" ? poll.id : null;
}

/** The teacher's view as one of ours: only what an address can carry gets through. */
function clean(view) {
  const text = (value) => (typeof value === "string" ? value.slice(0, 200) : null);
  const list = (value) => (Array.isArray(value) ? value : []);
  const values = {
    run: text(view.run),
    step: Number.isInteger(view.step) ? view.step : null,
    group: Number.isInteger(view.group) ? view.group : 0,
    shade: text(view.shade) ?? "push",
    sort: text(view.sort) ?? "sample",
    tool: text(view.tool),
    token: list(view.token).length === 2 ? view.token : null,
    others: list(view.others).filter((key) => typeof key === "string"),
    stage: text(view.stage),
    hidden: [],
    settings: {},
  };
  return readView(writeView(values));
}

function same(a, b) {
  return JSON.stringify(a) === JSON.stringify(b);
}

function stored(name) {
  try {
    return sessionStorage.getItem(name) === "yes";
  } catch {
    return false; // storage is forbidden here
  }
}

function store(name, on) {
  try {
    if (on) sessionStorage.setItem(name, "yes");
    else sessionStorage.removeItem(name);
  } catch {
    // then a reload does not go on leading
  }
}
