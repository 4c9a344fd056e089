/** The orders that cards can stand in. A new one is one entry of SORTS. */

/** @type {Array<{id: string, label: string, by: ((completion: object) => number|null)|null}>} */
export const SORTS = [
  { id: "sample", label: "sample", by: null },
  { id: "reward", label: "reward", by: (completion) => completion.reward },
  { id: "advantage", label: "advantage", by: (completion) => completion.advantage },
  { id: "length", label: "length", by: (completion) => completion.characters ?? completion.length },
];

/**
 * The places of a group's completions in an order: the most first, ties as they were sampled.
 * @param {object[]} completions of a board message
 * @param {string} id of SORTS; an unknown one is taken for "sample"
 * @returns {number[]}
 */
export function order(completions, id) {
  const places = completions.map((_, i) => i);
  const by = SORTS.find((sort) => sort.id === id)?.by;
  if (!by) return places;
  const value = (i) => by(completions[i]) ?? -Infinity;
  return places.sort((a, b) => (value(a) === value(b) ? a - b : value(b) > value(a) ? 1 : -1));
}

/**
 * Put the children of an element in this order, moving no more than it takes. What is focused
 * stays so, and what was scrolled, where that costs an element its place.
 * @param {HTMLElement} parent
 * @param {HTMLElement[]} elements all of its children
 */
export function arrange(parent, elements) {
  const focused = parent.contains(document.activeElement) ? document.activeElement : null;
  elements.forEach((element, i) => {
    const there = parent.children[i];
    if (there === element) return;
    const parts = [element, ...element.querySelectorAll("*")].filter((part) => part.scrollTop);
    const tops = parts.map((part) => part.scrollTop);
    parent.insertBefore(element, there);
    parts.forEach((part, k) => (part.scrollTop = tops[k]));
  });
  if (focused && focused !== document.activeElement) focused.focus({ preventScroll: true });
}
