/**
 * What if: other reward weights, other words. The group's advantages follow at once; cards show
 * them, and here they stand beside the recorded ones.
 */

import { h, resize, setAttribute, setHidden, setStyle, setText } from "./dom.js";
import { advantage, number, rewardName } from "./format.js";
import { OWN } from "./trial.js";

const LONGEST = 4000; // characters of an edited completion, as on the server
const PAUSE = 350; // milliseconds without a key before a text is scored

export const whatIf = { id: "whatif", label: "What if", make };

function make(parent, session) {
  const ui = build(parent, session);
  return () => {
    const { trial } = session;
    const record = session.record;
    if (!record?.completions) return;
    drawWeights(ui, session);
    if (session.board.step === record.step) drawBars(ui, session); // else the answer is on its way
    drawEdit(ui, session);
    setText(ui.said, trial.problem ?? sentence(session));
    setAttribute(ui.said, "data-kind", trial.problem ? "error" : null);
    ui.reset.disabled = !trial.active;
  };
}

function build(parent, session) {
  const ui = {
    weights: h("div", { class: "lab-weights" }),
    said: h("p", { class: "lab-whatif-said", role: "status" }),
    bars: h("div", { class: "lab-whatif-bars", role: "img" }),
    pick: h("select", { class: "lab-choice" }),
    text: h("textarea", {
      class: "lab-edit",
      maxlength: LONGEST,
      spellcheck: "false",
      dir: "ltr",
      "aria-label": "The completion's text",
    }),
    score: h("p", { class: "lab-edit-score", role: "status" }),
    edited: null, // run, step, group and completion of the text
    timer: 0,
  };
  ui.reset = h(
    "button",
    { type: "button", class: "lab-button", onclick: () => session.attempt((t) => t.reset()) },
    "Back to the record",
  );
  ui.undo = h(
    "button",
    { type: "button", class: "lab-button", onclick: () => undo(ui, session) },
    "As it was sampled",
  );
  ui.pick.addEventListener("change", () => drawEdit(ui, session));
  ui.text.addEventListener("input", () => {
    clearTimeout(ui.timer);
    ui.timer = setTimeout(() => score(ui, session), PAUSE);
  });
  parent.append(
    h("div", { class: "lab-whatif-weights" }, h("h3", {}, "Reward weights"), ui.weights, ui.reset),
    h(
      "div",
      { class: "lab-whatif-middle" },
      h("h3", {}, "Advantages, recorded and now"),
      ui.bars,
      ui.said,
    ),
    h(
      "div",
      { class: "lab-whatif-edit" },
      h("h3", {}, h("label", {}, "Edit completion ", ui.pick), " ", ui.undo),
      ui.text,
      ui.score,
    ),
  );
  return ui;
}

function score(ui, session) {
  const place = Number(ui.pick.value);
  const sampled = textOf(session.record.completions[place]);
  const text = ui.text.value === sampled ? null : ui.text.value;
  session.goTo(session.record.step); // hold what is worked on
  session.attempt((trial) => trial.edit(place, text));
}

function undo(ui, session) {
  clearTimeout(ui.timer);
  session.attempt((trial) => trial.edit(Number(ui.pick.value), null));
  ui.edited = null;
  drawEdit(ui, session);
}

/** A completion's text: its tokens, without the one that ends it. */
function textOf(completion) {
  const tokens = completion.tokens.filter((token) => !/^<\|.*\|>$|^<(eos|pad|bos)>$/.test(token));
  return completion.text ?? tokens.join(completion.words ? " " : "");
}

/** One slider a reward, and its number. */
function drawWeights(ui, session) {
  const { answer, weights } = session.trial;
  const names = Object.keys(session.record.completions[0]?.rewards ?? {});
  resize(ui.weights, names.length, () => {
    const range = h("input", { type: "range", min: -1, max: 2, step: 0.05 });
    const figure = h("output");
    return h("label", {}, h("span"), range, figure);
  });
  names.forEach((name, i) => {
    const [label, range, figure] = ui.weights.childNodes[i].childNodes;
    const weight = weights[name] ?? answer?.facts.weights[name] ?? null;
    setText(label, rewardName(name));
    range.disabled = weight === null;
    range.oninput = () => session.attempt((trial) => trial.weigh(name, Number(range.value)));
    if (weight !== null && document.activeElement !== range) range.value = weight;
    setText(figure, weight === null ? "–" : number(weight, 3));
  });
}

/** Two bars a completion: the recorded advantage, hollow, and the one now. */
function drawBars(ui, session) {
  const recorded = session.record.completions.map((c) => c.advantage ?? 0);
  const now = session.board.completions.map((c) => c.advantage ?? 0);
  const largest = Math.max(1, ...[...recorded, ...now].map(Math.abs));
  resize(ui.bars, now.length, (i) =>
    h(
      "span",
      { class: "lab-whatif-bar", "aria-hidden": "true" },
      h("u"),
      h("i"),
      h("small", {}, String(i + 1)),
    ),
  );
  const place = (bar, value) => {
    const height = (46 * Math.abs(value)) / largest;
    const top = value > 0 ? 50 - height : 50;
    setStyle(bar, `top:${top.toFixed(1)}%;height:${Math.max(height, 0.8).toFixed(1)}%`);
    setAttribute(bar, "data-sign", value > 0 ? "up" : value < 0 ? "down" : "flat");
  };
  now.forEach((value, i) => {
    const [before, after] = ui.bars.childNodes[i].childNodes;
    place(before, recorded[i]);
    place(after, value);
  });
  setAttribute(ui.bars, "aria-label", `Advantages now: ${now.map(advantage).join(", ")}`);
}

function sentence({ trial, methods }) {
  const facts = trial.answer?.facts;
  if (!facts) return "";
  const method = trial.preset === OWN ? "" : ` ${methods[trial.preset]}.`;
  const mean = number(facts.mean);
  if (facts.tied && facts.by_group) {
    const rest = `All rewards are ${mean}, so every advantage is 0.`;
    return `std = 0: nothing to learn here. ${rest}${method}`;
  }
  const unit =
    facts.divisor === null ? "" : `: 1 above the mean is worth ${number(1 / facts.divisor)}`;
  return `mean ${mean}, std ${number(facts.std)}${unit}.${method}`;
}

function drawEdit(ui, session) {
  const { record, trial } = session;
  const count = record.completions.length;
  resize(ui.pick, count, (i) => h("option", { value: i }, String(i + 1)));
  if (Number(ui.pick.value) >= count || ui.pick.value === "") ui.pick.value = "0";
  const place = Number(ui.pick.value);
  const key = JSON.stringify([record.run, record.step, record.group, place]);
  if (ui.edited !== key) {
    ui.edited = key;
    clearTimeout(ui.timer);
    ui.text.value = trial.edits[place] ?? textOf(record.completions[place]);
  }
  ui.undo.disabled = trial.edits[place] === undefined;
  const shown = session.board.completions[place];
  const parts = Object.entries(shown?.rewards ?? {}).map(
    ([name, value]) => `${rewardName(name)} ${number(value, 2)}`,
  );
  const who = shown?.edited ? "scored by the run's own rewards: " : "as sampled: ";
  const total = `reward ${number(shown?.reward)}, advantage ${advantage(shown?.advantage ?? null)}`;
  setText(ui.score, `${who}${parts.join(", ")}; ${total}`);
  setHidden(ui.score, !shown);
}
