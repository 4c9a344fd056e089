/**
 * The stops of the guided tour: at which moment of the run, what is pointed at, what is said. A new
 * stop is one entry of STOPS. The moments are found in the run's own data; a stop whose moment the
 * run does not have (a dead group, say) is left out.
 *
 * @typedef {object} Facts
 * @property {string} run its key
 * @property {number} last its last step
 * @property {Map<string, number>} weights of its rewards
 * @property {boolean} student whether who looks may start nothing
 * @property {[number, number]|null} mixed step and group with the widest spread of rewards
 * @property {[number, number]|null} dead step and group of the first whose rewards all tie
 * @property {[number, number]|null} search of the first trace that turned back and was right
 * @property {(metric: string) => [number, number]|null} ends a metric's first and last value
 *
 * @typedef {object} Stop
 * @property {string} id
 * @property {string} title
 * @property {(facts: Facts) => [number, number]|null} moment step and group
 * @property {(board: object) => string} target a selector of what is pointed at
 * @property {(board: object) => [number, number]} [token] to choose, see session.js
 * @property {boolean} [open] whether the card that is pointed at is opened
 * @property {(board: object, facts: Facts) => string} text
 */

import { advantage, number, rewardName } from "./format.js";

/** @type {Stop[]} */
export const STOPS = [
  {
    id: "prompt",
    title: "A prompt",
    moment: (facts) => facts.mixed,
    target: () => ".lab-board-head",
    text: () =>
      "A problem with an answer that a rule can check. Nobody shows the model how to solve it: the check is all the teaching it will get.",
  },
  {
    id: "group",
    title: "A group of completions",
    moment: (facts) => facts.mixed,
    target: () => ".lab-cards",
    text: (board) =>
      `At step ${board.step} of this recorded run the model tried the same prompt ${board.completions.length} times. Tokens are drawn by chance, so the tries differ. Together they are a group.`,
  },
  {
    id: "rewards",
    title: "Reward, part by part",
    moment: (facts) => facts.mixed,
    target: (board) => `${card(best(board))} .lab-rewards`,
    text: (board, facts) =>
      `Rules score each try. This one: ${earned(board.completions[best(board)], facts.weights)}. No second model judges it.`,
  },
  {
    id: "advantage",
    title: "Advantage: better than the group?",
    moment: (facts) => facts.mixed,
    target: (board) => `${card(best(board))} header`,
    text: (board) => {
      const { reward, advantage: value } = board.completions[best(board)];
      return `The group's mean is ${number(mean(board), 2)}; this try got ${number(reward, 2)}. Its distance from the mean, in standard deviations, is its advantage: ${advantage(value)}. The group is the yardstick, so no critic is needed.`;
    },
  },
  {
    id: "push",
    title: "Every token is pushed",
    moment: (facts) => facts.mixed,
    target: (board) => card(best(board)),
    token: (board) => [best(board), hardest(board.completions[best(board)])],
    text: (board) => {
      const made = board.completions[best(board)];
      return `Above the mean: its tokens become likelier (solid line). Below: less likely (dashed). Of this try, “${made.tokens[hardest(made)]}” is pushed hardest. Click any token for its formula.`;
    },
  },
  {
    id: "dead",
    title: "A dead group",
    moment: (facts) => facts.dead,
    target: () => ".lab-dead",
    text: (board) =>
      `Step ${board.step}: all ${board.completions.length} got ${number(mean(board), 2)}. Nobody is above the mean, every advantage is 0, and the group teaches nothing. Too easy and too hard look the same.`,
  },
  {
    id: "curve",
    title: "The curve that rises",
    moment: (facts) => facts.ends("eval/accuracy") && [facts.last, 0],
    target: () => '[data-chart="accuracy"]',
    text: (_, facts) => {
      const [before, after] = facts.ends("eval/accuracy");
      return `That is all GRPO does, ${facts.last} times over. Accuracy on problems it never trained on went from ${number(before, 2)} to ${number(after, 2)}.`;
    },
  },
  {
    id: "trace",
    title: "It searches, and checks itself",
    moment: (facts) => facts.search,
    target: (board) => card(best(board)),
    open: true,
    text: (board, facts) => {
      const turns = facts.ends("backtracks");
      const grew = turns ? `: ${number(turns[0], 2)} discarded tries each then, ${number(turns[1], 2)} at the end` : "";
      return `A try, a check, “no”, another try. This is step ${board.step}: the base could do it, now and then. Such traces won their groups, and so they became the habit${grew}.`;
    },
  },
  {
    id: "start",
    title: "Now press Start",
    moment: (facts) => (facts.student ? null : [facts.last, 0]),
    target: () => "#lab-start",
    text: () =>
      "Train your own: it learns before your eyes, within minutes, on this machine. Experiments to try are below the buttons, and Guided tour brings this back.",
  },
];

/**
 * What the tour needs to know of a run.
 * @param {import("./session.js").Session} session which shows it
 * @param {{cells: Array, firsts: object}} atlas see atlas.py
 * @returns {Facts}
 */
export function factsOf(session, atlas) {
  const cells = atlas.cells;
  const place = (cell) => cell && [cell[0], cell[1]];
  const partial = (share) => share > 0 && share < 1;
  // where some are well-formed and wrong, the two parts of the reward can be told apart
  const telling = cells.filter(([, , , , , formed, solved]) => partial(solved) && formed > solved);
  const widest = (some) =>
    some.reduce((best, cell) => ((cell[7] ?? 0) > (best?.[7] ?? 0) ? cell : best), null);
  const search = atlas.firsts["solved after turning back"];
  const { reward_funcs: names = [], reward_weights: weights = [] } = session.run?.config ?? {};
  return {
    run: session.shown,
    last: session.lastStep,
    student: Boolean(session.room?.student),
    weights: new Map(names.map((name, i) => [name, weights[i]])),
    mixed: place(widest(telling) ?? widest(cells)),
    dead: place(cells.find((cell) => cell[4]) ?? null),
    search: search ? [search.step, search.group] : null,
    ends: (metric) => {
      const values = (session.series(metric) ?? []).filter((value) => value !== null);
      return values.length > 1 ? [values[0], values[values.length - 1]] : null;
    },
  };
}

function card(index) {
  return `.lab-card[data-card="${index}"]`;
}

/** The completion with the highest reward; of several, the longest, which searched the most. */
export function best(board) {
  const worth = ({ reward, length }) => [reward ?? -Infinity, length];
  return board.completions.reduce((found, completion, i) => {
    const [reward, length] = worth(completion);
    const [most, longest] = worth(board.completions[found]);
    return reward > most || (reward === most && length > longest) ? i : found;
  }, 0);
}

/** The token with the hardest push; the first where none is recorded. */
export function hardest(completion) {
  const push = completion.push ?? [];
  return push.reduce((most, value, i) => (Math.abs(value) > Math.abs(push[most]) ? i : most), 0);
}

function mean(board) {
  const rewards = board.completions.map(({ reward }) => reward ?? 0);
  return rewards.reduce((a, b) => a + b, 0) / Math.max(1, rewards.length);
}

/** "accuracy 1 + 0.3 x format 1 = 1.3". @param {Map<string, number>} weights of the parts */
function earned(completion, weights) {
  const said = Object.entries(completion.rewards).map(([name, value]) => {
    const weight = weights.get(name) ?? 1;
    const times = weight === 1 ? "" : `${number(weight, 2)} x `;
    return `${times}${rewardName(name)} ${number(value, 2)}`;
  });
  return `${said.join(" + ")} = ${number(completion.reward, 2)}`;
}
