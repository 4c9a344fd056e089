/**
 * A completion's tokens: which stand in its answer, and how each is shaded (see shades.js).
 * Tokens are model text: they reach the page as textContent and no other way.
 */

import { h, resize, setAttribute } from "../core/dom.js";

const SPECIAL = /^<[^<>]*>$/;

/** @typedef {import("../core/messages.js").Card} Card */

/**
 * Where the answer begins: the place of its tag, or the number of tokens when there is none.
 * What follows the answer, the end-of-sequence token above all, stands with it.
 * @param {Card} completion
 */
export function answerStart({ parts }) {
  const start = parts.search(/[Aa]/);
  return start < 0 ? parts.length : start;
}

const painted = new WeakMap(); // element -> the tokens it shows

/**
 * Whether an element showed other tokens until now. Then all its text must be set again: a word
 * that happens to stay would count as one that was moved about, which is no text at rest.
 */
export function isNew(parent, tokens) {
  const before = painted.get(parent);
  painted.set(parent, tokens);
  return before?.length !== tokens.length || tokens.some((token, i) => token !== before[i]);
}

/**
 * Show some tokens of a completion, reusing the spans that are there.
 * @param {HTMLElement} parent
 * @param {Card} completion
 * @param {number} from @param {number} to which tokens
 * @param {(completion: Card, index: number) => string} shade its class, see shades.js
 */
export function paint(parent, completion, from, to, shade) {
  const { tokens, parts, gap } = completion;
  resize(parent, to - from, () => h("span"));
  const anew = isNew(parent, tokens);
  let span = /** @type {HTMLElement|null} */ (parent.firstElementChild);
  for (let index = from; index < to; index++) {
    const text = (tokens[index] || "·") + gap;
    if (anew || span.textContent !== text) span.replaceChildren(text);
    const tag = "TA".includes(parts[index]) || SPECIAL.test(tokens[index]) ? " tag" : "";
    const name = `tk ${shade(completion, index)}${tag}`;
    if (span.className !== name) span.className = name;
    setAttribute(span, "data-token", index);
    span = /** @type {HTMLElement|null} */ (span.nextElementSibling);
  }
}
