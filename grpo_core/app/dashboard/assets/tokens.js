/**
 * A completion's tokens: which part of the completion each belongs to, and how it is shaded (see
 * shades.js). Tokens are model text: they reach the page as textContent and no other way.
 */

import { h, resize, setAttribute } from "./dom.js";

const TAG = /<\/?(think|answer)>/g;
const SPECIAL = /^<[^<>]*>$/;

/**
 * Which part each token belongs to: "t" thinking, "a" answer, "o" outside both; the tags
 * themselves "T" and "A". They are found in the joined text, as a tokenizer may spread one over
 * several tokens.
 * @param {string[]} tokens
 * @returns {string[]}
 */
export function parts(tokens) {
  const marks = [...tokens.join("").matchAll(TAG)].map((match) => ({
    start: match.index,
    end: match.index + match[0].length,
    kind: match[1][0].toUpperCase(),
    then: match[0][1] === "/" ? "o" : match[1][0],
  }));
  const found = [];
  let at = 0;
  let next = 0;
  let now = "o";
  for (const token of tokens) {
    while (next < marks.length && marks[next].end <= at) now = marks[next++].then;
    at += token.length;
    const mark = marks[next];
    found.push(mark && token.length > 0 && at > mark.start ? mark.kind : now);
  }
  return found;
}

/**
 * Where the answer begins: the place of its tag, or the number of tokens when there is none.
 * What follows the answer, the end-of-sequence token above all, stands with it.
 * @param {string[]} kinds see `parts`
 */
export function answerStart(kinds) {
  let start = kinds.indexOf("a");
  if (start < 0) return kinds.length;
  while (kinds[start - 1] === "A") start--;
  return start;
}

const MOST_PIECES = 1000;

/**
 * A text whose tokens were not recorded, in words with the space before them; joined they are it.
 * @param {string} text
 * @returns {string[]}
 */
export function pieces(text) {
  const found = text.match(/\s*\S+|\s+/g) ?? [];
  const rest = found.slice(MOST_PIECES).join("");
  return rest ? [...found.slice(0, MOST_PIECES), rest] : found;
}

/** Whether the tokens are whole words without spaces of their own. */
export function areWords(tokens) {
  return tokens.length > 1 && !tokens.some((token) => /\s/.test(token));
}

const painted = new WeakMap(); // element -> the tokens it shows

/**
 * Whether an element showed other tokens until now. Then all its text is to be set anew: a word
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
 * @param {object} completion of a board message
 * @param {number[]} indices which tokens
 * @param {string[]} kinds part of every token, see `parts`
 * @param {(completion: object, index: number) => string} shade its class, see shades.js
 */
export function paint(parent, completion, indices, kinds, shade) {
  const gap = completion.words ? " " : "";
  resize(parent, indices.length, () => h("span"));
  const anew = isNew(parent, completion.tokens);
  let span = parent.firstChild;
  for (const index of indices) {
    const text = (completion.tokens[index] || "·") + gap;
    if (anew || span.textContent !== text) span.replaceChildren(text);
    const special = "TA".includes(kinds[index]) || SPECIAL.test(completion.tokens[index]);
    const tag = special ? " tag" : "";
    const name = `tk ${shade(completion, index)}${tag}`;
    if (span.className !== name) span.className = name;
    setAttribute(span, "data-token", index);
    span = span.nextSibling;
  }
}
