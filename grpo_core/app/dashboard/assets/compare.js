/** Two completions side by side: what they share, and what only one of them says. */

import { h, resize, setAttribute, setHidden, setText } from "./dom.js";
import { advantage, number, rewardName, sizeOf } from "./format.js";
import { areWords, isNew } from "./tokens.js";

const MOST = 1024; // tokens of each, as many as a board message has

export const compare = { id: "compare", label: "Side by side", make };

/**
 * The longest common subsequence of two lists of tokens.
 * @param {string[]} left @param {string[]} right
 * @returns {[boolean[], boolean[]]} for each token whether the other side has it too, in its place
 */
export function common(left, right) {
  const [a, b] = [left.slice(0, MOST), right.slice(0, MOST)];
  const width = b.length + 1;
  const longest = new Uint16Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      longest[i * width + j] =
        a[i] === b[j]
          ? longest[(i + 1) * width + j + 1] + 1
          : Math.max(longest[(i + 1) * width + j], longest[i * width + j + 1]);
    }
  }
  const shared = [a.map(() => false), b.map(() => false)];
  let [i, j] = [0, 0];
  while (i < a.length && j < b.length) {
    if (a[i] === b[j]) ((shared[0][i++] = true), (shared[1][j++] = true));
    else if (longest[(i + 1) * width + j] >= longest[i * width + j + 1]) i++;
    else j++;
  }
  return shared;
}

function make(parent, session) {
  let drawn = null;
  const places = [null, null]; // null: the best and the worst
  const sides = [0, 1].map((side) => {
    const pick = h("select", { class: "lab-choice" });
    pick.addEventListener("change", () => {
      places[side] = Number(pick.value);
      drawn = null;
      update();
    });
    const facts = h("span", { class: "lab-muted" });
    const text = h("div", { class: "lab-side-text", dir: "ltr", tabindex: "0" });
    const head = h("header", {}, h("label", {}, side ? "with " : "Completion ", pick), facts);
    return { pick, facts, text, element: h("div", { class: "lab-side-one" }, head, text) };
  });
  const summary = h("p", { class: "lab-muted", role: "status" });
  const both = h("div", { class: "lab-sides" }, ...sides.map(({ element }) => element));
  parent.append(summary, both);

  function update() {
    const message = session.board;
    for (const part of [summary, both]) setHidden(part, !message?.completions);
    if (!message?.completions || message === drawn) return;
    drawn = message;
    const cards = message.completions;
    const chosen = choose(cards, places);
    sides.forEach((side, k) => {
      resize(side.pick, cards.length, (i) => h("option", { value: i }, String(i + 1)));
      side.pick.value = String(chosen[k]);
      setText(side.facts, facts(cards[chosen[k]]));
      setAttribute(side.text, "aria-label", `Completion ${chosen[k] + 1}`);
    });
    const shared = common(cards[chosen[0]].tokens, cards[chosen[1]].tokens);
    sides.forEach((side, k) => paint(side.text, cards[chosen[k]], shared[k]));
    const alike = shared[0].filter(Boolean).length;
    setText(summary, difference(cards[chosen[0]], cards[chosen[1]], alike));
  }
  return update;
}

/** The chosen places; where none was chosen, the best and the worst of the group. */
function choose(cards, places) {
  const by = cards.map((_, i) => i);
  by.sort((a, b) => (cards[b].advantage ?? 0) - (cards[a].advantage ?? 0) || a - b);
  const automatic = [by[0], by[by.length - 1]];
  return places.map((place, k) => (place !== null && place < cards.length ? place : automatic[k]));
}

function facts(card) {
  const parts = Object.entries(card.rewards).map(([n, v]) => `${rewardName(n)} ${number(v, 2)}`);
  return [`advantage ${advantage(card.advantage)}`, ...parts, sizeOf(card)].join(" · ");
}

function difference(left, right, alike) {
  const apart = advantage((left.advantage ?? 0) - (right.advantage ?? 0));
  const more = left.tokens.length - right.tokens.length;
  const unit = left.characters === undefined ? "tokens" : "words";
  const length = more ? `, ${Math.abs(more)} ${unit} ${more > 0 ? "longer" : "shorter"}` : "";
  const first = `The first is ${apart} in advantage${length}.`;
  return `${alike} ${unit} are in both, in the same order; marked is what only one side says. ${first}`;
}

/** Tokens as text; what the other side lacks is marked. */
function paint(parent, card, shared) {
  const gap = areWords(card.tokens) ? " " : "";
  resize(parent, card.tokens.length, () => h("span"));
  const anew = isNew(parent, card.tokens);
  card.tokens.forEach((token, i) => {
    const span = parent.childNodes[i];
    const text = (token || "·") + gap;
    if (anew || span.textContent !== text) span.replaceChildren(text);
    setAttribute(span, "class", shared[i] ? "tk" : "tk lab-only");
  });
}
