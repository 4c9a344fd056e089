/**
 * The charts: which metrics each shows, in which unit, and one sentence what that means.
 * A new chart is one entry here; `keys` may be a function of the metric names a run has.
 */

import { rewardName } from "./format.js";

/**
 * @typedef {object} Chart
 * @property {string} id
 * @property {string} title
 * @property {string} unit of the vertical axis
 * @property {string} text one sentence for a learner
 * @property {(names: string[]) => Array<[string, string]>} keys metric name and label
 * @property {number} [top] fixed top of the axis
 */

const fixed = (...pairs) => () => pairs;

/** @type {Chart[]} */
export const CHARTS = [
  {
    id: "reward",
    title: "Reward",
    unit: "a completion",
    text: "Mean reward of this step's completions, and the parts it is the weighted sum of. It is what training raises.",
    keys: (names) => [
      ["reward", "total"],
      ...names
        .filter((name) => /^rewards\/.+\/mean$/.test(name))
        .map((name) => [name, rewardName(name.slice(8, -5))]),
    ],
  },
  {
    id: "accuracy",
    title: "Held-out accuracy",
    unit: "share",
    top: 1,
    text: "Share of problems it never trained on that the model solves, one try each at temperature 1. It tells learning from memorising.",
    keys: fixed(["eval/accuracy", "solved"], ["eval/format", "well-formed"]),
  },
  {
    id: "length",
    title: "Completion length",
    unit: "tokens",
    text: "Mean length of a completion. It grows when searching and checking pay, and no reward asks for it.",
    keys: fixed(["completions/mean_length", "training"], ["eval/mean_length", "held-out"]),
  },
  {
    id: "backtracks",
    title: "Backtracks",
    unit: "a completion",
    text: "How often a completion discards a try and goes on with another one.",
    keys: fixed(["backtracks", "training"], ["eval/backtracks", "held-out"]),
  },
  {
    id: "kl",
    title: "KL to the reference",
    unit: "nats a token",
    text: "How far the policy has moved from the model it started as. A sudden rise is an early sign of trouble.",
    keys: fixed(["kl", "mean"]),
  },
  {
    id: "dead",
    title: "Groups without signal",
    unit: "share",
    top: 1,
    text: "Share of groups whose rewards all tie: every advantage is 0 and the group teaches nothing.",
    keys: fixed(["frac_reward_zero_std", "all tie"], ["completions/clipped_ratio", "truncated"]),
  },
  {
    id: "clip",
    title: "Clip share",
    unit: "share of tokens",
    text: "Share of tokens whose ratio left the trust region, so that their gradient was cut. It is 0 while each batch is used once.",
    keys: fixed(["clip_ratio/region_mean", "clipped"]),
  },
  {
    id: "gradient",
    title: "Gradient norm",
    unit: "before clipping",
    text: "Length of the gradient before it is clipped. Spikes mean single batches that pull hard.",
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
