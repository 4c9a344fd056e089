/**
 * The microscope: one step of GRPO, a stage at a time, on the group that is shown.
 *
 * The board shows only what has been reached (its data-stage); the words and figures here are of
 * the record, or of what is tried on it.
 */

import { h, resize, setAttribute, setText } from "./dom.js";
import { advantage, number, rewardName, signed } from "./format.js";
import { glossaryButton } from "./glossary.js";
import { obediences } from "./shades.js";

const STAGES = [
  { name: "Sample", metrics: ["old_logprobs"], say: sampled },
  { name: "Score", metrics: ["completion reward"], say: scored, shade: null },
  { name: "Normalise", metrics: ["advantage", "group standard deviation"], say: normalised },
  { name: "Loss", metrics: ["objective", "push"], say: lost, shade: "push" },
  { name: "Update", metrics: ["change", "grad_norm"], say: updated, shade: "change" },
];

export const microscope = { id: "step", label: "Step by step", make };

function make(parent, session) {
  const go = (to) => {
    session.goTo(session.record?.step ?? null); // a stage is of one group: hold it
    session.chooseStage(String(to));
    const { shade } = STAGES[to - 1];
    if (shade) session.chooseShade(shade);
  };
  const at = () => Number(session.view.stage ?? 1);
  const button = (text, act) =>
    h("button", { type: "button", class: "lab-button", onclick: act }, text);
  const back = button("Back", () => go(at() - 1));
  const next = button("Step", () => go(at() + 1));
  const marks = STAGES.map(({ name }, i) =>
    h(
      "button",
      { type: "button", class: "lab-stage", onclick: () => go(i + 1) },
      `${i + 1} ${name}`,
    ),
  );
  const said = h("div", { class: "lab-stage-said", "aria-live": "polite" });
  const ledger = h("tbody");
  const columns = h("tr");
  const gloss = glossaryButton(session, "this stage", () => STAGES[at() - 1].metrics);
  parent.append(
    h("div", { class: "lab-stages-line" }, back, next, ...marks, gloss),
    said,
    h(
      "div",
      { class: "lab-ledger", tabindex: "0", role: "region", "aria-label": "Every completion" },
      h("table", {}, h("thead", {}, columns), ledger),
    ),
  );
  return () => {
    if (!session.board?.completions) return;
    if (session.view.stage === null) return go(1);
    const stage = at();
    back.disabled = stage === 1;
    next.disabled = stage === STAGES.length;
    marks.forEach((mark, i) => {
      setAttribute(mark, "aria-current", i + 1 === stage ? "step" : null);
      setAttribute(mark, "data-done", i + 1 < stage ? "" : null);
    });
    const lines = session.trial.problem ? [session.trial.problem] : STAGES[stage - 1].say(session);
    resize(said, lines.length, () => h("p"));
    lines.forEach((line, i) => setText(said.childNodes[i], line));
    drawLedger(columns, ledger, session, stage);
  };
}

/** One column a completion; every stage adds its rows. */
function drawLedger(columns, ledger, session, stage) {
  const cards = session.board.completions;
  const rows = entries(session).filter(({ from }) => from <= stage);
  resize(columns, cards.length + 1, (i) => h("th", { scope: "col" }, i ? String(i) : "completion"));
  resize(ledger, rows.length, () => h("tr", {}, h("th", { scope: "row" })));
  rows.forEach(({ name, from, of, shown, coloured }, k) => {
    const line = ledger.childNodes[k];
    setAttribute(line, "data-new", from === stage ? "" : null);
    setText(line.firstChild, name);
    resize(line, cards.length + 1, () => h("td"));
    cards.forEach((card, i) => {
      const value = of(card, i) ?? null;
      const cell = line.childNodes[i + 1];
      setText(cell, shown(value));
      const sign = value > 0 ? "up" : value < 0 ? "down" : null;
      setAttribute(cell, "data-sign", coloured ? sign : null);
    });
  });
}

/** Whether a completion was recorded without its tokens. */
const bare = (card) => card.characters !== undefined;

/** What is known of a completion, and from which stage on. */
function entries(session) {
  const facts = session.trial.answer?.facts;
  const cards = session.board.completions;
  const plain = (value) => number(value, 3);
  const of = (row) => (_, i) => facts?.rows[i]?.[row];
  const total = (values) => values?.reduce((a, b) => a + (b ?? 0), 0);
  return [
    { name: "tokens", from: 1, of: (card) => (bare(card) ? null : card.length), shown: plain },
    {
      name: "log-probability",
      from: 1,
      of: (card) => (card.edited || bare(card) ? null : total(card.logprob)),
      shown: plain,
    },
    ...Object.keys(cards[0]?.rewards ?? {}).map((name) => ({
      name: rewardName(name),
      from: 2,
      of: (card) => card.rewards[name],
      shown: plain,
    })),
    { name: "reward", from: 2, of: (card) => card.reward, shown: plain },
    { name: "advantage", from: 3, of: (card) => card.advantage, shown: advantage, coloured: true },
    { name: "KL a token", from: 4, of: of("kl"), shown: plain },
    { name: "held back", from: 4, of: of("held"), shown: plain },
    { name: "objective", from: 4, of: of("objective"), shown: plain, coloured: true },
    { name: "sum of pushes", from: 4, of: of("push"), shown: plain, coloured: true },
    {
      name: "change of log-prob",
      from: 5,
      of: (card) => total(card.change),
      shown: plain,
      coloured: true,
    },
  ];
}

const mean = (values) => values.reduce((a, b) => a + b, 0) / Math.max(1, values.length);

function sampled(session) {
  const cards = session.board.completions;
  const tokens = cards.reduce((sum, { length }) => sum + (length ?? 0), 0);
  const { temperature } = session.run?.config ?? {};
  const cut = cards.filter(({ truncated }) => truncated).length;
  const at = temperature ? ` at temperature ${number(temperature)}` : "";
  const probable = mean(cards.flatMap((c) => c.logprob ?? []).map((l) => Math.exp(l ?? 0)));
  return [
    `The policy wrote ${cards.length} completions of this one prompt${at}: ${tokens} tokens in ` +
      `all, ${cut} completions cut off at the limit.`,
    "Of every token its log-probability is kept: on average the one that was drawn had a " +
      `probability of ${number(probable, 2)}. Nothing has been judged yet.`,
  ];
}

function scored(session) {
  const facts = session.trial.answer?.facts;
  const cards = session.board.completions;
  const parts = Object.keys(cards[0]?.rewards ?? {}).map((name) => {
    const got = mean(cards.map((c) => c.rewards[name] ?? 0));
    const weight = facts ? `${number(facts.weights[name] ?? 0)} x ` : "";
    return `${weight}${rewardName(name)} (mean ${number(got, 2)})`;
  });
  const rewards = cards.map((c) => c.reward ?? 0);
  const best = rewards.indexOf(Math.max(...rewards));
  return [
    `Rules, and no other model, judge each text: reward = ${parts.join(" + ")}.`,
    `Completion ${best + 1} earned the most, ${number(rewards[best])}; the least is ${number(Math.min(...rewards))}.`,
  ];
}

function normalised(session) {
  const facts = session.trial.answer?.facts;
  if (!facts) return ["..."];
  const cards = session.board.completions;
  if (facts.tied) {
    return [
      `All ${cards.length} rewards are ${number(facts.mean)}: std = 0, nothing to learn here.`,
      "Every advantage is exactly 0. What is left to the update is the KL to the reference, if it " +
        "has one.",
    ];
  }
  const best = cards.reduce(
    (at, c, i) => ((c.advantage ?? 0) > (cards[at].advantage ?? 0) ? i : at),
    0,
  );
  const sum = cards.reduce((total, c) => total + (c.advantage ?? 0), 0);
  const divisor = facts.divisor === null ? "" : ` / ${number(facts.divisor, 4)}`;
  return [
    `The group is its own yardstick: mean ${number(facts.mean, 4)}, standard deviation ${number(facts.std, 4)}.`,
    `Completion ${best + 1}: (${number(facts.rewards[best], 4)} − ${number(facts.mean, 4)})` +
      `${divisor} = ${advantage(cards[best].advantage)}.`,
    `The advantages add up to ${advantage(sum)}; all tokens of a completion share its one.`,
  ];
}

function lost(session) {
  const facts = session.trial.answer?.facts;
  if (!facts) return ["..."];
  const rows = facts.rows.filter(Boolean);
  const held = rows.reduce((sum, row) => sum + row.held, 0);
  const shares = rows.map((row) => row.share);
  const [least, most] = [Math.min(...shares), Math.max(...shares)];
  const range = least === most ? number(least) : `${number(least)} to ${number(most)}`;
  const kl = rows.map((row) => row.kl).filter((value) => typeof value === "number");
  const far = `${number(mean(kl), 2)} nats a token, beta ${number(facts.numbers.beta)}`;
  return [
    `Each token: share x (surrogate − beta KL). This group's part of the loss is ${signed(facts.loss)}: ` +
      "near 0 is no bug, as advantages cancel; the gradient is what teaches.",
    `Ratios: mean ${number(mean(rows.map((r) => r.ratio ?? 1)), 4)}; ${held} tokens held back by the ` +
      `clip; a token's share is ${range}.${kl.length ? ` KL to the reference: ${far}.` : ""}`,
    "The tokens are shaded by their push, minus the loss's derivative: blue is to become likelier, " +
      "orange less likely.",
  ];
}

function updated(session) {
  const metric = (name) => {
    const at = session.steps.indexOf(session.record.step);
    return session.series(name)?.[at] ?? null;
  };
  const lines = [
    `One optimizer step: learning rate ${number(metric("learning_rate"))}, ` +
      `gradient of length ${number(metric("grad_norm"))} before clipping.`,
  ];
  const cards = session.board.completions;
  if (session.trial.active) {
    const words = "what the real update did is shown when you go back to the record.";
    return [...lines, `This is a trial: ${words}`];
  }
  if (!cards.some((c) => c.change)) {
    return [
      ...lines,
      "This run did not look at this group again after the update (groups_after_update), so what " +
        "its tokens did is not on record.",
    ];
  }
  const { tokens, moved: count, obeyed } = obediences(cards);
  const better = cards.filter((c) => c.change && (c.advantage ?? 0) > 0);
  const worse = cards.filter((c) => c.change && (c.advantage ?? 0) < 0);
  const moved = (some) =>
    signed(mean(some.map((c) => c.change.reduce((a, b) => a + (b ?? 0), 0))), 2);
  const both = better.length && worse.length;
  const gain = cards.flatMap((c) =>
    (c.change ?? []).map((by, i) => (c.push?.[i] ?? 0) * (by ?? 0)),
  );
  const total = gain.reduce((a, b) => a + b, 0) * (session.board.push_unit ?? 0);
  return [
    ...lines,
    `Looked at again with the new weights: ${count} of ${tokens} tokens moved by 0.01 nats or more, ` +
      `and ${obeyed} of these the way they were pushed. The tokens of all groups pull at the same ` +
      "weights, and Adam keeps some of the steps before.",
    `Push times change, added up, is ${signed(total, 2)}: above 0 this group's objective rose, to ` +
      "first order." +
      (both
        ? ` A whole completion changed by ${moved(better)} nats where it was better than its group, ` +
          `by ${moved(worse)} where worse.`
        : ""),
  ];
}
