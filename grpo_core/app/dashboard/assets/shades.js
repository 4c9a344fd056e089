/**
 * What tokens can be shaded by. A new shade is one entry of SHADES.
 *
 * A shade has at most four levels either way, each a class of lab.css or shades.css: "p1" to "p4"
 * for more and "n1" to "n4" for less, "s1" to "s4" where there is only more. Strong levels are
 * underlined too, so that colour is not the only thing that says them.
 */

import { number } from "./format.js";

/**
 * @typedef {object} Shade
 * @property {string} id in the address
 * @property {string} label in the list
 * @property {string} metric its entry in the glossary
 * @property {(completion: object) => boolean} has whether it was recorded
 * @property {(message: object) => Scale} scale for one group
 *
 * @typedef {object} Scale
 * @property {(completion: object, index: number) => string} of a token's class
 * @property {Array<[string, string]>} legend class and words of some samples
 * @property {string} text after them
 */

/** More or less than nothing, in quarters of the group's largest. */
function signed(valueOf, words, unit) {
  return (message) => {
    const largest = message.completions.reduce((most, completion) => {
      for (let i = 0; i < completion.tokens.length; i++) {
        most = Math.max(most, Math.abs(valueOf(completion, i) ?? 0));
      }
      return most;
    }, 0);
    return {
      of: (completion, index) => way(valueOf(completion, index), largest),
      legend: [
        ["n4", words[0]],
        ["n2", ""],
        ["p2", ""],
        ["p4", words[1]],
      ],
      text: largest ? `full colour: ±${number(unit(message, largest), 2)}` : words[2],
    };
  };
}

/** @param {number|null|undefined} value @param {number} largest that fills the colour */
function way(value, largest) {
  if (!value || !largest) return "";
  const level = Math.max(1, Math.ceil((4 * Math.abs(value)) / largest));
  return (value > 0 ? "p" : "n") + Math.min(level, 4);
}

/** More than the bounds, whatever the group: one level each. */
function above(valueOf, bounds, words, text) {
  return () => ({
    of: (completion, index) => {
      const value = valueOf(completion, index);
      if (value === null || value === undefined) return "";
      const level = bounds.filter((bound) => value > bound).length;
      return level ? `s${level}` : "";
    },
    legend: words.map((word, i) => [`s${i + 1}`, word]),
    text,
  });
}

/** How far the ratio is from 1, and which tokens the clip holds back. */
function ratioScale() {
  const bounds = [0.02, 0.1, 0.2, 0.5];
  return {
    of: (completion, index) => {
      const log = Math.log(completion.ratio?.[index] ?? 1);
      const level = bounds.filter((bound) => Math.abs(log) > bound).length;
      const held = completion.held?.includes(index) ? " held" : "";
      return (level ? (log > 0 ? "p" : "n") + level : "") + held;
    },
    legend: [
      ["n4", "less likely now"],
      ["p4", "likelier now"],
      ["held", "held back"],
    ],
    text: "by the clip. Levels: 2, 10, 20, 50%",
  };
}

/** What the update did to each token, and which of them went against their push. */
function changeScale(message) {
  const scale = signed((completion, i) => completion.change?.[i], ["", "", ""], () => 0)(message);
  const { moved, obeyed } = obediences(message.completions);
  const share = moved ? `${Math.round((100 * obeyed) / moved)}% of` : "none of the";
  return {
    of: (completion, i) => scale.of(completion, i) + (obedience(completion, i) === false ? " held" : ""),
    legend: [
      ["n4", "less likely now"],
      ["p4", "likelier now"],
      ["held", "against its push"],
    ],
    text: `${share} ${moved} that moved obeyed`,
  };
}

const MOVED = 0.01; // nats: what changed by less, as a token that was certain before, hardly moved

/**
 * Whether a token went the way it was pushed; null where it was not pushed, hardly moved, or
 * nobody looked.
 * @returns {boolean|null}
 */
export function obedience(completion, index) {
  const push = completion.push?.[index];
  const change = completion.change?.[index];
  if (!push || !change || Math.abs(change) < MOVED) return null;
  return push > 0 === change > 0;
}

/** How many tokens of a group were looked at again, moved, and obeyed. */
export function obediences(completions) {
  const count = { tokens: 0, moved: 0, obeyed: 0 };
  for (const completion of completions) {
    completion.change?.forEach((_, i) => {
      const way = obedience(completion, i);
      count.tokens++;
      if (way !== null) count.moved++;
      if (way) count.obeyed++;
    });
  }
  return count;
}

/** @type {Shade[]} */
export const SHADES = [
  {
    id: "push",
    label: "push: what the update did",
    metric: "push",
    has: (completion) => completion.push !== undefined,
    scale: signed(
      (completion, i) => completion.push?.[i],
      ["less likely", "more likely", "no push was recorded"],
      (message) => message.push_unit * 1000,
    ),
  },
  {
    id: "change",
    label: "change: did it obey the push?",
    metric: "change",
    has: (completion) => completion.change !== undefined,
    scale: changeScale,
  },
  {
    id: "logprob",
    label: "probability: how sure it was",
    metric: "old_logprobs",
    has: (completion) => completion.logprob.length > 0,
    scale: above(
      ({ logprob }, i) => (typeof logprob[i] === "number" ? -logprob[i] : null),
      [0.9, 0.5, 0.2, 0.05].map((p) => -Math.log(p)),
      ["below 0.9", "0.5", "0.2", "0.05"],
      "probability of the token that was drawn",
    ),
  },
  {
    id: "entropy",
    label: "entropy: how open the choice was",
    metric: "entropy",
    has: (completion) => completion.entropy !== undefined,
    scale: above(
      ({ entropy }, i) => entropy?.[i],
      [0.1, 0.5, 1, 2],
      ["above 0.1", "0.5", "1", "2"],
      "nats",
    ),
  },
  {
    id: "kl",
    label: "KL: how far from the reference",
    metric: "kl",
    has: (completion) => completion.kl !== undefined,
    scale: above(({ kl }, i) => kl?.[i], [0.01, 0.1, 0.5, 2], ["above 0.01", "0.1", "0.5", "2"], "nats"),
  },
  {
    id: "ratio",
    label: "ratio: new to old probability",
    metric: "ratio",
    has: (completion) => completion.ratio !== undefined,
    scale: ratioScale,
  },
  {
    id: "advantage",
    label: "advantage of each token",
    metric: "token_advantages",
    has: (completion) => completion.advantages !== undefined,
    scale: signed(
      (completion, i) => completion.advantages?.[i] ?? completion.advantage,
      ["worse", "better", "no advantage"],
      (_, largest) => largest,
    ),
  },
  {
    id: "value",
    label: "value: what the critic expected",
    metric: "values",
    has: (completion) => completion.values !== undefined,
    scale: signed(
      (completion, i) => completion.values?.[i],
      ["below 0", "above 0", "no value"],
      (_, largest) => largest,
    ),
  },
];

/**
 * The shade of this name, or the push where the group has not recorded it.
 * @param {string} id @param {object|null} message a board message
 */
export function shadeOf(id, message) {
  const found = SHADES.find((shade) => shade.id === id);
  return found && message?.completions?.some(found.has) ? found : SHADES[0];
}
