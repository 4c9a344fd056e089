/**
 * Formulas in MathML, which browsers draw by themselves. What a formula says comes from the server
 * as data (grpo_core/algorithm/formula.py): rows of nodes, each an array of its kind and its parts.
 * It is drawn twice, with symbols and with numbers in their places.
 */

import { m } from "./dom.js";

/** Kind of a node -> how it is drawn. */
const DRAWN = {
  sym: (put, name) => put(name),
  letter: (put, text) => m("mi", {}, text),
  word: (put, text) => word(text),
  op: (put, text) => op(text),
  num: (put, text) => number(text),
  row: (put, nodes) => row(...draw(nodes, put)),
  frac: (put, above, below) => m("mfrac", {}, row(...draw(above, put)), row(...draw(below, put))),
  call: (put, name, ...values) => {
    const inside = values.flatMap((nodes, i) => [...(i ? [op(",")] : []), ...draw(nodes, put)]);
    return row(word(name), op("("), ...inside, op(")"));
  },
  bracket: (put, nodes) => row(op("("), ...draw(nodes, put), op(")")),
  power: (put, base, exponent) => m("msup", {}, row(one(base, put)), number(exponent)),
  sub: (put, base, below) => m("msub", {}, one(base, put), one(below, put)),
  bar: (put, base) => m("mover", {}, one(base, put), m("mo", {}, "¯")),
  sum: (put, nodes) =>
    row(
      m("munder", {}, op("∑"), m("mi", {}, "t")),
      row(op("("), ...draw(nodes, put), op(")")),
    ),
};

/**
 * A row of nodes as elements.
 * @param {Array<Array>} nodes
 * @param {(name: string) => Element} put makes a symbol, or its number
 * @throws where a node is of a kind that is not drawn here
 */
export function draw(nodes, put) {
  return nodes.map((node) => one(node, put));
}

function one([kind, ...parts], put) {
  if (!Object.hasOwn(DRAWN, kind)) throw new Error(`A formula has no part of the kind '${kind}'.`);
  return DRAWN[kind](put, ...parts);
}

/**
 * A symbol as it is written.
 * @param {Object<string, Array>} forms symbol -> node
 * @param {string} name
 */
export function written(forms, name) {
  if (!Object.hasOwn(forms, name)) throw new Error(`Nothing says how to write '${name}'.`);
  return one(forms[name], (other) => written(forms, other));
}

export function op(text) {
  return m("mo", {}, text);
}

export function number(text) {
  return m("mn", {}, text);
}

export function row(...children) {
  return m("mrow", {}, ...children);
}

/** A word, upright. */
function word(text) {
  return m("mi", { mathvariant: "normal" }, text);
}
