/** The numbers of one token, beside it: on pointing at it, or with the arrow keys in a card. */

import { h, setHidden, setText } from "./dom.js";
import { number, signed } from "./format.js";
import { obedience } from "./shades.js";

export class Inspector {
  /**
   * @param {HTMLElement} grid holds the cards
   * @param {() => object|null} board the board message that is shown
   * @param {(completion: number, token: number) => void} [choose] a token was clicked, or Enter
   */
  constructor(grid, board, choose = () => {}) {
    this.board = board;
    this.choose = choose;
    this.span = null;
    this.byKey = false; // a place chosen with the keys stays when the page scrolls to it
    this.title = h("b", { class: "lab-tip-token", dir: "ltr" });
    this.rows = h("dl");
    this.element = h("div", { class: "lab-tip", role: "tooltip", id: "lab-tip" }, this.title);
    this.element.append(this.rows);
    this.element.hidden = true;
    grid.parentElement.append(this.element);
    grid.addEventListener("pointerover", (event) => {
      this.byKey = false;
      this.#show(tokenOf(event.target));
    });
    grid.addEventListener("click", (event) => this.#choose(tokenOf(event.target)));
    grid.addEventListener("pointerleave", () => this.#show(null));
    grid.addEventListener("keydown", (event) => this.#key(event));
    grid.addEventListener("focusout", () => this.#show(null));
    grid.addEventListener("scroll", () => this.#scrolled(), true);
    addEventListener("scroll", () => this.#scrolled(), { passive: true });
  }

  #scrolled() {
    if (this.span && this.byKey) this.#place(this.span);
    else this.#show(null);
  }

  /** The tokens changed: keep the place and show its new numbers. */
  refresh() {
    if (this.span) this.#show(this.span.isConnected ? this.span : null);
  }

  #key(event) {
    const card = event.target.closest(".lab-card");
    if (!card || event.target.closest("button")) return;
    if (event.key === "Escape") return this.#show(null);
    if (event.key === "Enter") return this.#choose(this.span);
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    const spans = [...card.querySelectorAll("[data-token]")];
    const at = this.span && card.contains(this.span) ? spans.indexOf(this.span) : by > 0 ? -1 : 0;
    const next = spans[Math.min(Math.max(at + by, 0), spans.length - 1)];
    this.byKey = true;
    next?.scrollIntoView({ block: "nearest" });
    this.#show(next ?? null);
  }

  #choose(span) {
    const card = span?.closest(".lab-card");
    if (card) this.choose(Number(card.dataset.card), Number(span.dataset.token));
  }

  #show(span) {
    this.span?.classList.remove("tk-at");
    this.span = span;
    setHidden(this.element, !span);
    if (!span) return;
    const card = span.closest(".lab-card");
    const board = this.board();
    const completion = board?.completions?.[Number(card.dataset.card)];
    const index = Number(span.dataset.token);
    if (!completion || index >= completion.tokens.length) return this.#show(null);
    span.classList.add("tk-at");
    setText(this.title, completion.tokens[index] || "(end)");
    this.rows.replaceChildren(
      ...numbers(completion, index, board.push_unit ?? 0).flatMap(([name, value]) => [
        h("dt", {}, name),
        h("dd", {}, value),
      ]),
    );
    this.#place(span);
  }

  #place(span) {
    const at = span.getBoundingClientRect();
    const size = this.element.getBoundingClientRect();
    const left = Math.min(Math.max(6, at.left), innerWidth - size.width - 6);
    const below = at.bottom + 6;
    const top = below + size.height < innerHeight ? below : at.top - size.height - 6;
    this.element.style.left = `${left}px`;
    this.element.style.top = `${top}px`;
  }
}

function tokenOf(target) {
  return target.closest?.("[data-token]") ?? null;
}

/** What is shown of a token -> its entry in the glossary. */
export const EXPLAINED = {
  "pushed to be": "push",
  "change of log-prob": "change",
  probability: "probability",
  "log-probability": "logprobs",
  entropy: "entropy",
  "KL to reference": "kl",
  "ratio new / old": "ratio",
  advantage: "advantage",
  "critic expected": "values",
  token: "token",
};

/** Name and value of everything known about a token. */
function numbers(completion, index, unit) {
  if (completion.characters !== undefined) {
    return [["advantage", signed(completion.advantage)], ["tokens", "were not recorded"]];
  }
  const push = completion.push?.[index];
  const logprob = completion.logprob[index];
  const rows = [];
  if (push !== undefined) {
    const way = push > 0 ? "more likely" : push < 0 ? "less likely" : "left alone";
    rows.push(["pushed to be", `${way} (${signed(push * unit, 2)})`]);
  }
  if (completion.change) {
    const obeyed = obedience(completion, index);
    const said = obeyed === null ? ", hardly moved" : obeyed ? ", obeyed" : ", against its push";
    rows.push(["change of log-prob", signed(completion.change[index]) + said]);
  }
  rows.push(["probability", number(logprob === null ? null : Math.exp(logprob))]);
  rows.push(["log-probability", number(logprob)]);
  if (completion.entropy) rows.push(["entropy", `${number(completion.entropy[index])} nats`]);
  if (completion.kl) rows.push(["KL to reference", `${number(completion.kl[index])} nats`]);
  const held = completion.held?.includes(index) ? ", held back by the clip" : "";
  rows.push(["ratio new / old", number(completion.ratio ? completion.ratio[index] : 1, 4) + held]);
  rows.push(["advantage", signed(completion.advantages?.[index] ?? completion.advantage)]);
  if (completion.values) rows.push(["critic expected", number(completion.values[index])]);
  rows.push(["token", `${index + 1} of ${completion.length}`]);
  return rows;
}
