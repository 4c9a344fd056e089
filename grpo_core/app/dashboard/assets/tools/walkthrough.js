/**
 * The walkthrough: one step of GRPO, a stage at a time, on the group that is shown.
 *
 * The board shows only what has been reached (its data-stage); the words and figures here are of
 * the record, or of what is tried on it.
 */

import { h, resize, setAttribute, setText } from "../core/dom.js";
import { advantage, number, rewardName, signed } from "../core/format.js";
import { glossaryButton } from "../panels/glossary.js";
import { obediences } from "../panels/shades.js";

const STAGES = [
  { name: "Sample", metrics: ["old_logprobs"], say: sampled },
  { name: "Reward", metrics: ["completion reward"], say: scored, shade: null },
  { name: "Advantage", metrics: ["advantage", "group standard deviation"], say: normalised },
  { name: "Loss", metrics: ["objective", "push"], say: lost, shade: "push" },
  { name: "Update", metrics: ["change", "grad_norm"], say: updated, shade: "change" },
];

export const walkthrough = { id: "step", label: "Walkthrough", make };

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
  const next = button("Next", () => go(at() + 1));
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

/**
 * What is known of a completion, and from which stage on.
 * @returns {Array<{name: string, from: number, coloured?: boolean, shown: (value: any) => string,
 *   of: (card: import("../core/messages.js").Card, i: number) => number|null|undefined}>}
 */
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
    { name: "KL per token", from: 4, of: of("kl"), shown: plain },
    { name: "clipped tokens", from: 4, of: of("held"), shown: plain },
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
    `The policy sampled ${cards.length} completions of this prompt${at}: ${tokens} tokens in ` +
      `total; ${cut} completions were truncated at the limit.`,
    "The log-probability of every sampled token is recorded. On average a sampled token had a " +
      `probability of ${number(probable, 2)}. Nothing has been rewarded yet.`,
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
    `Rules, not a reward model, compute each completion's reward: reward = ${parts.join(" + ")}.`,
    `Completion ${best + 1} has the highest reward, ${number(rewards[best])}; the lowest is ${number(Math.min(...rewards))}.`,
  ];
}

function normalised(session) {
  const facts = session.trial.answer?.facts;
  if (!facts) return ["..."];
  const cards = session.board.completions;
  if (facts.tied) {
    return [
      `All ${cards.length} rewards are ${number(facts.mean)}: std = 0, so this group gives no signal.`,
      "Every advantage is exactly 0. The only gradient left is that of the KL penalty, if beta is " +
        "above 0.",
    ];
  }
  const best = cards.reduce(
    (at, c, i) => ((c.advantage ?? 0) > (cards[at].advantage ?? 0) ? i : at),
    0,
  );
  const sum = cards.reduce((total, c) => total + (c.advantage ?? 0), 0);
  const divisor = facts.divisor === null ? "" : ` / ${number(facts.divisor, 4)}`;
  return [
    `The group is its own baseline: mean ${number(facts.mean, 4)}, standard deviation ${number(facts.std, 4)}.`,
    `Completion ${best + 1}: (${number(facts.rewards[best], 4)} − ${number(facts.mean, 4)})` +
      `${divisor} = ${advantage(cards[best].advantage)}.`,
    `The advantages sum to ${advantage(sum)}. Every token shares its completion's advantage.`,
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
  const far = `${number(mean(kl), 2)} nats per token, beta ${number(facts.numbers.beta)}`;
  return [
    `Each token contributes share x (surrogate − beta KL). This group's part of the loss is ${signed(facts.loss)}. ` +
      "A value near 0 is expected, as the advantages cancel; the gradient is not 0.",
    `Ratios: mean ${number(mean(rows.map((r) => r.ratio ?? 1)), 4)}; ${held} clipped tokens; ` +
      `a token's share is ${range}.${kl.length ? ` KL to the reference: ${far}.` : ""}`,
    "The tokens are shaded by their push, which is minus the gradient of the loss with respect to the " +
      "token's log-probability. Blue: probability increased; orange: decreased.",
  ];
}

function updated(session) {
  const metric = (name) => {
    const at = session.steps.indexOf(session.record.step);
    return session.series(name)?.[at] ?? null;
  };
  const lines = [
    `One optimizer step: learning rate ${number(metric("learning_rate"))}, ` +
      `gradient norm ${number(metric("grad_norm"))} before clipping.`,
  ];
  const cards = session.board.completions;
  if (session.trial.active) {
    const words = "go back to the record to see what the real update did.";
    return [...lines, `This is a trial: ${words}`];
  }
  if (!cards.some((c) => c.change)) {
    return [
      ...lines,
      "This run did not record this group's log-probabilities after the update (see the option " +
        "groups_after_update), so the effect on its tokens is unknown.",
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
    `Under the new weights, the log-probability of ${count} of ${tokens} tokens changed by 0.01 nats or more, ` +
      `${obeyed} of them in the direction of their push. All groups' tokens share the same ` +
      "weights, and Adam's momentum carries earlier steps on.",
    `The sum of push times change is ${signed(total, 2)}. If it is above 0, this group's objective ` +
      "increased, to first order." +
      (both
        ? ` The log-probability of a whole completion changed by ${moved(better)} nats on average where its ` +
          `advantage was positive, by ${moved(worse)} where it was negative.`
        : ""),
  ];
}
