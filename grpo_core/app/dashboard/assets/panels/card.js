/** One completion of the group board. Its height is fixed, so new text never moves the page. */

import { h, resize, setAttribute, setHidden, setStyle, setText } from "../core/dom.js";
import { advantage, number, rewardName, sizeOf } from "../core/format.js";
import { answerStart, paint } from "./tokens.js";

/** What stands for numbers while a class votes on them. */
export const MASKED = "hidden until the reveal";

const LETTERS_A_LINE = [20, 32]; // of the reward parts' names: at most this many fit in one line, two

export class Card {
  /** @param {number} index the completion's place in the group */
  constructor(index) {
    this.index = index;
    this.advantage = h("b", { class: "lab-adv" });
    this.bar = h("i");
    this.length = h("span", { class: "lab-length" });
    this.toggle = h(
      "button",
      { type: "button", class: "lab-open", "aria-expanded": "false", onclick: () => this.#flip() },
      "Open",
    );
    this.rewards = h("div", { class: "lab-rewards" });
    this.think = h("div", { class: "lab-think", dir: "ltr" });
    this.answerTokens = h("div", { class: "lab-answer-text", dir: "ltr" });
    this.noAnswer = h("em", {}, "no answer given");
    const answer = h(
      "div",
      { class: "lab-answer" },
      h("span", { class: "lab-label" }, "answer"),
      this.answerTokens,
      this.noAnswer,
    );
    this.element = h(
      "article",
      { class: "lab-card", tabindex: "0", "data-card": index },
      h(
        "header",
        {},
        h("span", { class: "lab-number" }, String(index + 1)),
        this.advantage,
        h("span", { class: "lab-diverge", "aria-hidden": "true" }, this.bar),
        this.length,
        this.toggle,
      ),
      this.rewards,
      this.think,
      answer,
    );
  }

  #flip() {
    const open = this.element.classList.toggle("lab-card-open");
    setText(this.toggle, open ? "Close" : "Open");
    setAttribute(this.toggle, "aria-expanded", String(open));
  }

  /**
   * @param {import("../core/messages.js").Card} completion
   * @param {number} largest the advantage that fills the bar
   * @param {(completion: import("../core/messages.js").Card, index: number) => string} shade the class of a token's shade
   * @param {boolean} masked whether its numbers are hidden, and missing
   */
  update(completion, largest, shade, masked = false) {
    const value = completion.advantage;
    const sign = value > 0 ? "up" : value < 0 ? "down" : "flat";
    setText(this.advantage, advantage(value));
    setAttribute(this.element, "data-sign", sign);
    const share = (50 * Math.abs(value ?? 0)) / largest;
    const start = value < 0 ? 50 - share : 50;
    setStyle(this.bar, `left:${start.toFixed(1)}%;width:${share.toFixed(1)}%`);
    const cut = completion.truncated;
    const size = cut ? `truncated at ${completion.length}` : sizeOf(completion);
    setText(this.length, completion.edited ? "edited" : size);
    setAttribute(this.length, "title", cut ? "Truncated: no end-of-sequence token within max_completion_length." : null);
    this.length.classList.toggle("lab-cut", cut);
    setAttribute(this.element, "data-edited", completion.edited ? "" : null);
    this.#updateRewards(completion, masked);
    this.#updateText(completion, shade);
    const facts = `advantage ${advantage(value)}, reward ${number(completion.reward)}`;
    const name = `Completion ${this.index + 1}: ${masked ? MASKED : facts}`;
    setAttribute(this.element, "aria-label", name);
    setAttribute(this.toggle, "aria-label", `Show all of completion ${this.index + 1}`);
  }

  #updateRewards(completion, masked) {
    if (masked) return this.rewards.replaceChildren(h("em", {}, MASKED));
    if (this.rewards.firstElementChild?.tagName === "EM") this.rewards.replaceChildren();
    const entries = [
      ...Object.entries(completion.rewards).map(([name, value]) => [rewardName(name), value]),
      ["total", completion.reward],
    ];
    const letters = entries.reduce((sum, [name]) => sum + name.length, 0);
    const lines = 1 + LETTERS_A_LINE.filter((most) => letters > most).length;
    setAttribute(this.rewards, "data-lines", lines);
    resize(this.rewards, entries.length, () =>
      h("span", {}, h("span"), h("span", { class: "lab-meter" }, h("i")), h("b")),
    );
    entries.forEach(([name, value], i) => {
      const [label, meter, figure] = this.rewards.children[i].children;
      const bar = /** @type {HTMLElement} */ (meter.firstElementChild);
      setText(label, name);
      setAttribute(label, "title", name);
      setText(figure, number(value, 2));
      const width = Math.round(100 * Math.min(1, Math.max(0, value ?? 0)));
      setStyle(bar, `width:${width}%`);
    });
  }

  /** Thinking above, answer below; every token is in one of the two. */
  #updateText(completion, shade) {
    const start = answerStart(completion);
    const end = completion.tokens.length;
    paint(this.think, completion, 0, start, shade);
    paint(this.answerTokens, completion, start, end, shade);
    setHidden(this.noAnswer, start < end);
  }
}
