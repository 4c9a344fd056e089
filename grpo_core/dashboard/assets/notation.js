/**
 * Formulas in MathML, which browsers draw by themselves: each is written once and made twice, with
 * symbols and with numbers in their places.
 *
 * A template gets a `put` that makes a symbol or its number, and returns a list of nodes.
 */

import { m } from "./dom.js";

/** How each symbol of the server (grpo_core/lens/symbols.py) is written. */
const WRITTEN = {
  r: () => m("mi", {}, "r"),
  mean: () => m("mover", {}, m("mi", {}, "r"), m("mo", {}, "¯")),
  std: () => m("msub", {}, m("mi", {}, "σ"), m("mi", {}, "r")),
  divisor: () => m("msub", {}, m("mi", {}, "σ"), word("batch")),
  G: () => m("mi", {}, "G"),
  A: () => m("mi", {}, "A"),
  new: () => log("θ"),
  old: () => log("old"),
  ref: () => log("ref"),
  d: () => m("mi", {}, "d"),
  rho: () => m("mi", {}, "ρ"),
  low: () => row(number("1"), op("−"), m("mi", {}, "ε")),
  high: () => row(number("1"), op("+"), m("msub", {}, m("mi", {}, "ε"), word("high"))),
  cap: () => word("cap"),
  delta: () => m("mi", {}, "δ"),
  tau: () => m("mi", {}, "τ"),
  phi: () => m("mi", {}, "φ"),
  whole: () => m("mi", {}, "s"),
  S: () => m("mi", {}, "S"),
  slope: () => row(m("mi", {}, "∂"), m("mi", {}, "S")),
  beta: () => m("mi", {}, "β"),
  KL: () => word("KL"),
  klslope: () => row(m("mi", {}, "∂"), word("KL")),
  c: () => m("mi", {}, "c"),
  len: () => word("len"),
  B: () => m("mi", {}, "B"),
  tokens: () => word("tokens"),
  L: () => m("mi", {}, "L"),
  J: () => m("mi", {}, "J"),
  push: () => word("push"),
};

/** @param {string} name of a symbol */
export function written(name) {
  return WRITTEN[name]();
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

export function fraction(above, below) {
  return m("mfrac", {}, row(...above), row(...below));
}

/** name(a, b, ...), each argument a list of nodes. */
export function call(name, ...values) {
  const inside = values.flatMap((nodes, i) => (i ? [op(","), ...nodes] : nodes));
  return row(word(name), op("("), ...inside, op(")"));
}

export function bracket(...children) {
  return row(op("("), ...children, op(")"));
}

/** A word, upright. */
export function word(text) {
  return m("mi", { mathvariant: "normal" }, text);
}

function log(policy) {
  return row(word("log"), m("msub", {}, m("mi", {}, "π"), m("mi", {}, policy)));
}

const small = () => number("0.0001");
const sum = (...inside) => row(m("munder", {}, op("∑"), m("mi", {}, "t")), bracket(...inside));

const ADVANTAGE = {
  group: (put) => [fraction([put("r"), op("−"), put("mean")], [put("std"), op("+"), small()])],
  batch: (put) => [fraction([put("r"), op("−"), put("mean")], [put("divisor")])],
  none: (put) => [put("r"), op("−"), put("mean")],
  loo: (put) => [
    fraction([put("G")], [put("G"), op("−"), number("1")]),
    bracket(put("r"), op("−"), put("mean")),
  ],
};

/** In place of a formula, where an advantage has none that one completion could tell. */
export const ADVANTAGE_WORDS = {
  gae: "from the critic: GAE over the tokens that follow, whitened over the batch",
  process: "normalised rewards of the steps that end here or later, as recorded",
  several: "each reward normalised in the group, then added up and scaled over the batch",
};

const difference = (put) => [put("new"), op("−"), put("old")];
const RATIO = {
  token: (put) => [call("exp", difference(put))],
  sequence: (put) => [
    call("exp", [fraction([number("1")], [put("len")]), sum(...difference(put))]),
  ],
  sequence_token: (put) => RATIO.sequence(put),
  sequence_sum: (put) => [call("exp", [sum(...difference(put))])],
};

const SURROGATE = {
  clip: (put, { delta }) => {
    const ratio = delta === "none" ? [put("rho")] : [call("min", [put("rho")], [put("delta")])];
    const clipped = call("clip", [put("rho")], [put("low")], [put("high")]);
    return [call("min", [...ratio, op("·"), put("A")], [clipped, op("·"), put("A")])];
  },
  cispo: (put) => [call("min", [put("rho")], [put("cap")]), op("·"), put("A"), op("·"), put("new")],
  sapo: (put) => [
    call("sigmoid", [put("tau"), bracket(put("rho"), op("−"), number("1"))]),
    op("·"),
    fraction([number("4")], [put("tau")]),
    op("·"),
    put("A"),
  ],
  vespo: (put) => [put("phi"), op("·"), put("A"), op("·"), put("new")],
  gmpo: (put) => [put("whole"), op("·"), put("A")],
  none: (put) => [put("A"), op("·"), put("new")],
};

const apart = (put) => [put("new"), op("−"), put("ref")];
const KL = {
  k1: (put) => [put("d")],
  k2: (put) => [fraction([m("msup", {}, row(put("d")), number("2"))], [number("2")])],
  k3: (put) => [call("exp", [op("−"), put("d")]), op("+"), put("d"), op("−"), number("1")],
};

const SHARE = {
  sequence_mean: (put) => [fraction([number("1")], [put("B"), op("·"), put("len")])],
  token_mean: (put) => [fraction([number("1")], [put("tokens")])],
  local_token_mean: (put) => [fraction([number("1")], [put("tokens")])],
  constant: (put) => [fraction([number("1")], [put("B"), op("·"), put("L")])],
  length_weighted: (put) => [fraction([number("1")], [put("B")])],
};

/**
 * The lines of a method's formula.
 * @param {Object<string, string>} chosen the choice on each switch
 * @returns {Array<{name: string, symbol: string, of: ((put: Function) => Element[])|null}>}
 */
export function lines(chosen) {
  const inLoss = chosen.kl_place === "loss";
  const weighted = (put) =>
    chosen.kl_weighted === "yes"
      ? [put("rho"), bracket(...KL[chosen.kl](put))]
      : KL[chosen.kl](put);
  const less = (put, first, second) =>
    inLoss
      ? [put("c"), op("·"), bracket(put(first), op("−"), put("beta"), op("·"), put(second))]
      : [put("c"), op("·"), put(first)];
  return [
    { name: "advantage", symbol: "A", of: ADVANTAGE[chosen.advantage] ?? null },
    { name: "ratio", symbol: "rho", of: RATIO[chosen.level] },
    { name: "surrogate", symbol: "S", of: (put) => SURROGATE[chosen.surrogate](put, chosen) },
    ...(inLoss ? [{ name: "distance", symbol: "d", of: apart }] : []),
    ...(inLoss ? [{ name: "KL", symbol: "KL", of: weighted }] : []),
    { name: "share", symbol: "c", of: SHARE[chosen.aggregation] },
    { name: "objective", symbol: "J", of: (put) => less(put, "S", "KL") },
    { name: "push", symbol: "push", of: (put) => less(put, "slope", "klslope") },
  ];
}
