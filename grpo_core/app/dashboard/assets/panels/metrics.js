/**
 * The charts: which metrics each shows, in which unit, and one sentence what that means.
 * A new chart is one entry here; `keys` may be a function of the metric names a run has.
 */

import { rewardName } from "../core/format.js";

/**
 * @typedef {object} Chart
 * @property {string} id
 * @property {string} title
 * @property {string} unit of the vertical axis
 * @property {string} text one sentence for a learner
 * @property {(names: string[]) => Array<[string, string]>} keys metric name and label
 * @property {number} [top] fixed top of the axis
 */

/** @param {...[string, string]} pairs @returns {() => Array<[string, string]>} */
const fixed = (...pairs) => () => pairs;

/** @type {Chart[]} */
export const CHARTS = [
  {
    id: "reward",
    title: "Reward",
    unit: "per completion",
    text: "Mean reward of this step's completions, and its weighted components. Training maximises it.",
    keys: (names) => [
      ["reward", "total"],
      ...names
        .filter((name) => /^rewards\/.+\/mean$/.test(name))
        .map((name) => /** @type {[string, string]} */ ([name, rewardName(name.slice(8, -5))])),
    ],
  },
  {
    id: "accuracy",
    title: "Held-out accuracy",
    unit: "share",
    top: 1,
    text: "Share of held-out problems the model solves, with one completion each at temperature 1. It distinguishes learning from memorising.",
    keys: fixed(["eval/accuracy", "solved"], ["eval/format", "well-formed"]),
  },
  {
    id: "length",
    title: "Completion length",
    unit: "tokens",
    text: "Mean length of a completion. No reward asks for length; it grows when searching and checking earn more reward.",
    keys: fixed(["completions/mean_length", "training"], ["eval/mean_length", "held-out"]),
  },
  {
    id: "backtracks",
    title: "Backtracks",
    unit: "per completion",
    text: "Mean number of times a completion discards an attempt and tries another one.",
    keys: fixed(["backtracks", "training"], ["eval/backtracks", "held-out"]),
  },
  {
    id: "kl",
    title: "KL to the reference",
    unit: "nats per token",
    text: "How far the policy has moved from the reference model. A sudden rise is an early sign of trouble.",
    keys: fixed(["kl", "mean"]),
  },
  {
    id: "dead",
    title: "Groups without signal",
    unit: "share",
    top: 1,
    text: "Share of groups with zero reward variance: every advantage is 0, so the group contributes no policy gradient. Also the share of truncated completions.",
    keys: fixed(["frac_reward_zero_std", "no signal"], ["completions/clipped_ratio", "truncated"]),
  },
  {
    id: "clip",
    title: "Clip share",
    unit: "share of tokens",
    text: "Share of tokens whose ratio left the clip range, so that their gradient is zero. It is 0 while there is one update per batch.",
    keys: fixed(["clip_ratio/region_mean", "clipped"]),
  },
  {
    id: "gradient",
    title: "Gradient norm",
    unit: "before clipping",
    text: "Norm of the gradient before clipping. A spike means that a single batch has an unusually large gradient.",
    keys: fixed(["grad_norm", "norm"]),
  },
];

/**
 * The chart that shows a metric, or null.
 * @param {string} metric
 * @param {string[]} names of the metrics the run has
 */
export function chartOf(metric, names) {
  return CHARTS.find((chart) => chart.keys(names).some(([key]) => key === metric)) ?? null;
}
