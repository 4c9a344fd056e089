/**
 * The last line of a card while the class votes or hunts: choose it, flag it, how many did, and
 * whether it was right. It takes room only then; the card's height stays.
 */

import { h, setAttribute, setHidden, setText } from "./dom.js";

export class Ballot {
  /**
   * @param {number} index the completion's place in the group
   * @param {HTMLElement} card
   * @param {import("./session.js").Session} session
   */
  constructor(index, card, session) {
    this.index = index;
    this.card = card;
    this.session = session;
    this.choose = h("button", { type: "button", class: "lab-vote", onclick: () => this.#vote() });
    this.flag = h("button", { type: "button", class: "lab-flag", onclick: () => this.#flag() });
    this.mark = h("b", { class: "lab-right" });
    this.count = h("span", { class: "lab-count" });
    const parts = [this.choose, this.flag, this.mark, this.count];
    this.element = h("div", { class: "lab-ballot" }, ...parts);
    this.element.hidden = true;
    card.append(this.element);
    card.addEventListener("click", (event) => this.#click(event), true);
    card.addEventListener("keydown", (event) => this.#key(event), true);
  }

  /** The open question that this card is a choice of, or null. */
  get #poll() {
    const { record, room } = this.session;
    const poll = room.poll;
    const here = poll && record && poll.kind === "advantage" && poll.run === record.run;
    return here && poll.step === record.step && poll.group === record.group ? poll : null;
  }

  get #hunt() {
    const { record, room } = this.session;
    return room.hunt && room.hunt.run === record?.run ? room.hunt : null;
  }

  /** Whether a click or a key on the card is a vote. */
  get #votes() {
    return this.session.room.student && this.#poll?.state === "open";
  }

  update() {
    const poll = this.#poll;
    const hunt = this.#hunt;
    setHidden(this.element, !poll && !hunt);
    setAttribute(this.card, "data-votes", this.#votes ? "" : null);
    setAttribute(this.card, "data-mine", poll?.mine === this.index ? "" : null);
    const right = poll?.state === "revealed" && poll.right.includes(this.index);
    setAttribute(this.card, "data-right", right ? "" : null);
    if (this.element.hidden) return;
    this.#drawVote(poll, right);
    this.#drawFlag(hunt);
    setText(this.count, this.#counts(poll, hunt));
  }

  #drawVote(poll, right) {
    const mine = poll?.mine === this.index;
    const name = `completion ${this.index + 1}`;
    setHidden(this.choose, !this.#votes);
    setText(this.choose, mine ? "✓ Chosen" : "Choose");
    setAttribute(this.choose, "aria-pressed", String(mine));
    setAttribute(this.choose, "aria-label", mine ? `Chosen: ${name}` : `Choose ${name}`);
    const words = [right ? "★ highest" : "", mine ? "your vote" : ""];
    setHidden(this.mark, this.#votes || !words.some(Boolean));
    setText(this.mark, words.filter(Boolean).join(", "));
  }

  #drawFlag(hunt) {
    const found = this.#found(hunt);
    const on = found !== null;
    setHidden(this.flag, !hunt || !this.session.room.student);
    setText(this.flag, on ? "⚑ Flagged" : "⚐ Flag");
    setAttribute(this.flag, "aria-pressed", String(on));
    setAttribute(this.flag, "aria-label", `Flag completion ${this.index + 1} as a hack`);
  }

  /** This card's flags: [step, group, completion, how many, 1 for a hit or null: hidden], or null. */
  #found(hunt) {
    const { record } = this.session;
    const place = [record?.step, record?.group, this.index];
    return hunt?.found?.find((entry) => place.every((part, i) => part === entry[i])) ?? null;
  }

  #counts(poll, hunt) {
    const { room } = this.session;
    const said = [];
    if (poll && showsTallies(room)) said.push(votes(poll.tallies[this.index] ?? 0));
    const [, , , flags = 0, hit] = this.#found(hunt) ?? [];
    if (flags && room.teacher) said.push(flags === 1 ? "1 flag" : `${flags} flags`);
    if (flags && hit !== null) said.push(hit ? "✓ hit" : "✗ miss");
    return said.join(", ");
  }

  #vote() {
    const poll = this.#poll;
    if (poll) this.session.room.wish("vote", { poll: poll.id, choice: this.index });
  }

  #flag() {
    const { record, room } = this.session;
    const on = this.#found(this.#hunt) === null;
    const { run, step, group } = record;
    room.wish("flag", { run, step, group, completion: this.index, on });
  }

  /** While a question is open the whole card is a button; its own buttons stay what they are. */
  #click(event) {
    if (!this.#votes || event.target.closest("button")) return;
    event.stopPropagation();
    this.#vote();
  }

  #key(event) {
    if (!this.#votes || event.target !== this.card) return;
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    event.stopPropagation();
    this.#vote();
  }
}

/** Whether this page shows how many chose what: a student sees it after the own vote. */
export function showsTallies(room) {
  const { poll } = room;
  if (!poll) return false;
  if (room.teacher) return !room.discreet || poll.state === "revealed";
  return poll.state !== "open" || typeof poll.mine === "number";
}

function votes(count) {
  return count === 1 ? "1 vote" : `${count} votes`;
}
