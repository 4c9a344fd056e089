/**
 * The guided tour: a ring around the real thing at a real moment of the recorded run, and a few
 * words beside it. What it points at stays usable; where the page was comes back at its end.
 *
 * At which stop it is stands in the view (`#tour=3`), so a reload or a link is at the same stop.
 */

import { h, setAttribute, setHidden, setStyle, setText } from "./dom.js";
import { factsOf, STOPS } from "./stops.js";

const GAP = 12; // pixels between what is explained and the words
const SEEN = "grpo-lab-tour-seen";

/** Whether this browser has seen the tour. */
export function tourSeen() {
  try {
    return localStorage.getItem(SEEN) !== null;
  } catch {
    return true; // nothing can be remembered here: better never than each time
  }
}

function remember() {
  try {
    localStorage.setItem(SEEN, "1");
  } catch {
    // as above
  }
}

/** Whether there is a run to show: a recorded one, or one's own. */
export function tourRun(session) {
  return session.runs.find((run) => run.recorded) ?? session.run;
}

/** The button that begins the tour, for the side column. */
export function tourButton(parent, session) {
  const act = () => session.chooseTour(1);
  const button = h("button", { type: "button", class: "lab-button lab-tour-go", onclick: act }, "Guided tour");
  parent.append(button);
  return () => setAttribute(button, "disabled", tourRun(session) ? null : "");
}

/**
 * The tour panel.
 * @param {HTMLElement} parent
 * @param {import("./session.js").Session} session
 * @returns {() => void} update
 */
export function tour(parent, session) {
  const guide = new Guide(parent, session);
  return () => guide.update();
}

class Guide {
  constructor(parent, session) {
    this.session = session;
    this.origin = null; // what the page showed, while the tour is on
    this.opened = null; // the card that was opened for a stop
    this.#build(parent);
    this.#forget();
  }

  #forget() {
    this.facts = null;
    this.stops = [];
    this.asked = null; // the stop whose moment the page was turned to
    this.shown = null; // the stop that is on the page
    this.target = null;
  }

  #build(parent) {
    const button = (text, act) => h("button", { type: "button", class: "lab-button", onclick: act }, text);
    this.count = h("span", { class: "lab-tour-count" });
    this.title = h("h3", { id: "lab-tour-title" });
    this.text = h("p", { id: "lab-tour-text" });
    this.back = button("Back", () => this.#move(-1));
    this.next = button("Next", () => this.#move(1));
    this.next.classList.add("lab-tour-next");
    this.element = h(
      "section",
      {
        class: "lab-tour",
        role: "dialog",
        "aria-labelledby": "lab-tour-title",
        "aria-describedby": "lab-tour-text",
        onkeydown: (event) => this.#key(event),
      },
      h("div", { class: "lab-tour-said", "aria-live": "polite" }, this.count, this.title, this.text),
      h("div", { class: "lab-tour-buttons" }, button("Skip", () => this.#end()), this.back, this.next),
    );
    this.ring = h("div", { class: "lab-tour-ring", "aria-hidden": "true" });
    for (const part of [this.ring, this.element]) part.hidden = true;
    parent.append(this.ring, this.element);
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.origin && event.target === document.body) this.#end();
    });
    for (const moved of ["scroll", "resize"]) {
      addEventListener(moved, () => this.#place(), { passive: true, capture: true });
    }
  }

  update() {
    const { session } = this;
    const { tour: at } = session.view;
    if (at === null) return this.origin && this.#close();
    if (!session.listed || !tourRun(session)) return;
    if (!this.origin) return this.#begin();
    if (session.shown !== this.origin.run || session.pending === "start") return this.#leave();
    if (!this.facts) return this.#learn();
    const number = Math.min(at, this.stops.length);
    const stop = this.stops[number - 1];
    if (stop !== this.asked) return this.#turn(stop);
    const [step, group] = stop.moment(this.facts);
    const { record } = session;
    if (record?.step !== step || (record.completions && record.group !== group)) return;
    if (stop !== this.shown) this.#show(stop, number);
    else this.#place();
  }

  #begin() {
    const { session } = this;
    const { view, playing } = session;
    this.origin = {
      view: { ...view, step: session.cursor, tour: null },
      playing,
      focus: document.activeElement,
      run: tourRun(session).key,
      scrolled: scrollY,
    };
    remember();
    session.turn({ ...view, run: this.origin.run, step: session.cursor });
  }

  /** Find the moments in the run, once all of it has come. */
  #learn() {
    const { session } = this;
    if (!session.steps.length || !session.atlas) return;
    this.facts = factsOf(session, session.atlas);
    this.stops = STOPS.filter((stop) => stop.moment(this.facts));
    this.update();
  }

  #turn(stop) {
    const { session } = this;
    const [step, group] = stop.moment(this.facts);
    this.asked = stop;
    this.#fold();
    const plain = { shade: "push", sort: "sample", tool: null, token: null, stage: null, others: [] };
    session.turn({ ...session.view, ...plain, step, group });
  }

  #show(stop, number) {
    const { session } = this;
    const board = session.record;
    this.shown = stop;
    setText(this.count, `${number} of ${this.stops.length}`);
    setText(this.title, stop.title);
    setText(this.text, stop.text(board, this.facts));
    setAttribute(this.back, "disabled", number === 1 ? "" : null);
    setText(this.next, number === this.stops.length ? "Done" : "Next");
    const fresh = this.element.hidden;
    setHidden(this.element, false);
    if (fresh || document.activeElement === document.body) this.next.focus({ preventScroll: true });
    this.target = document.querySelector(stop.target(board));
    if (stop.open) this.#unfold();
    if (stop.token) session.chooseToken(...stop.token(board));
    this.#bring();
    this.#place();
  }

  #unfold() {
    const button = this.target?.querySelector(".lab-open");
    if (button?.getAttribute("aria-expanded") !== "false") return;
    button.click();
    this.opened = button;
  }

  #fold() {
    if (this.opened?.getAttribute("aria-expanded") === "true") this.opened.click();
    this.opened = null;
  }

  #move(by) {
    const next = this.stops.indexOf(this.asked) + 1 + by;
    if (next > this.stops.length) this.#end();
    else if (next >= 1) this.session.chooseTour(next);
  }

  #key(event) {
    if (event.key === "ArrowRight") this.#move(1);
    else if (event.key === "ArrowLeft") this.#move(-1);
    else if (event.key === "Escape") this.#end();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** Back to where the page was. */
  #end() {
    const { view, playing, scrolled } = this.origin;
    this.session.turn(view, playing);
    scrollTo({ top: scrolled, behavior: "instant" });
  }

  /** The page went elsewhere: let it. */
  #leave() {
    this.session.chooseTour(null);
  }

  #close() {
    const { focus } = this.origin;
    const mine = this.element.contains(document.activeElement);
    this.origin = null;
    this.#fold();
    this.#forget();
    for (const part of [this.ring, this.element]) setHidden(part, true);
    const begun = focus?.isConnected && focus !== document.body;
    const back = begun ? focus : document.querySelector(".lab-tour-go");
    if (mine) back?.focus({ preventScroll: true });
  }

  /** Scroll so that what is explained and the words both have room. */
  #bring() {
    if (!visible(this.target)) return;
    if (this.target.closest("#lab-side")) return this.target.scrollIntoView({ block: "nearest" });
    this.target.scrollIntoView({ block: "nearest", inline: "center", behavior: "instant" });
    const box = this.target.getBoundingClientRect();
    const both = box.height + GAP + this.element.offsetHeight;
    const top = Math.max(GAP, (floor() - both) / 2);
    scrollBy({ top: box.top - top, behavior: "instant" });
  }

  #place() {
    if (this.element.hidden) return;
    const size = { width: this.element.offsetWidth, height: this.element.offsetHeight };
    const seen = visible(this.target);
    setHidden(this.ring, !seen);
    const room = { width: document.documentElement.clientWidth, height: floor() };
    const box = seen ? this.target.getBoundingClientRect() : null;
    const column = seen && this.target.closest("#lab-side") !== null; // what is below matters too
    const { words, ring } = arrange(box, size, room, column);
    setStyle(this.element, `left:${words.left}px;top:${words.top}px`);
    if (!ring) return;
    const { left, top, right, bottom } = ring;
    setStyle(this.ring, `left:${left}px;top:${top}px;width:${right - left}px;height:${bottom - top}px`);
  }
}

function visible(element) {
  return Boolean(element?.isConnected && element.getClientRects().length);
}

/** How far down the page can be seen: to the bench, which sticks to the foot of the window. */
function floor() {
  const bench = document.querySelector(".lab-bench")?.getBoundingClientRect();
  const sticks = bench?.height && bench.top < innerHeight && bench.bottom >= innerHeight - 1;
  return sticks ? bench.top : innerHeight;
}

/**
 * Where the words go: below, above or beside what they explain, never over it. Where there is room
 * for neither, they take the foot of the window, and the ring ends above them.
 * @param {DOMRect|null} target
 * @param {{width: number, height: number}} size of the words
 * @param {{width: number, height: number}} room of the window
 * @param {boolean} [beside] rather than below
 */
export function arrange(target, size, room, beside = false) {
  const between = (least, value, most) => Math.round(Math.max(least, Math.min(value, most)));
  const lowest = room.height - size.height - GAP;
  const rightmost = room.width - size.width - GAP;
  const foot = { left: between(GAP, (room.width - size.width) / 2, rightmost), top: between(0, lowest, lowest) };
  if (!target || target.bottom < 0 || target.top > room.height) return { words: foot, ring: null };
  const ring = {
    left: Math.max(2, target.left - 4),
    top: Math.max(2, target.top - 4),
    right: Math.min(room.width - 2, target.right + 4),
    bottom: Math.min(room.height - 2, target.bottom + 4),
  };
  const left = between(GAP, (ring.left + ring.right - size.width) / 2, rightmost);
  const top = between(GAP, (ring.top + ring.bottom - size.height) / 2, lowest);
  const right = { words: { left: ring.right + GAP, top }, ring };
  const fits = ring.right + GAP <= rightmost;
  if (beside && fits) return right;
  if (ring.bottom + GAP <= lowest) return { words: { left, top: ring.bottom + GAP }, ring };
  const above = ring.top - GAP - size.height;
  if (above >= GAP) return { words: { left, top: above }, ring };
  if (fits) return right;
  const before = ring.left - GAP - size.width;
  if (before >= GAP) return { words: { left: before, top }, ring };
  return { words: foot, ring: { ...ring, bottom: Math.max(ring.top, foot.top - GAP) } };
}
