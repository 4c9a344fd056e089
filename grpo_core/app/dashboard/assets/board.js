/**
 * The group board: one prompt, its G completions, and what GRPO makes of them.
 *
 * Cards are kept by their place in the group and changed in place, so an opened card stays open
 * and a focused one stays focused while training goes on; sorting moves them and keeps both.
 *
 * It asks its session for `steps`, `board`, `view` ({shade}), `chooseGroup(i)`, `chooseShade(id)`
 * and `glossary()`. Where the session has them it also uses `chooseSort(id)` with `view.sort`,
 * `chooseToken(completion, token)` with `view.token`, and `view.stage`, from "1" to "5": how much
 * of the group is shown (see microscope.js).
 */

import { Ballot } from "./ballot.js";
import { Card, MASKED } from "./card.js";
import { h, resize, setAttribute, setHidden, setStyle, setText } from "./dom.js";
import { number, rewardName } from "./format.js";
import { glossaryButton } from "./glossary.js";
import { EXPLAINED, Inspector } from "./inspector.js";
import { SHADES, shadeOf } from "./shades.js";
import { arrange, order, SORTS } from "./sort.js";

/**
 * The board panel.
 * @param {HTMLElement} parent
 * @param {import("./session.js").Session} session
 * @returns {() => void} update
 */
export function board(parent, session) {
  const ui = build(parent, session);
  const cards = [];
  const ballots = [];
  const inspector = new Inspector(
    ui.grid,
    () => session.board,
    (completion, token) => session.chooseToken?.(completion, token),
  );
  let drawn = null;
  let shaded = null;
  let sorted = null;
  return () => {
    const message = session.board;
    setHidden(ui.section, session.steps.length === 0);
    setAttribute(ui.section, "data-stage", session.view.stage ?? null);
    markToken(ui.grid, session.view.token ?? null);
    const sort = session.view.sort ?? "sample";
    for (const ballot of ballots) ballot.update();
    if (message === drawn && session.view.shade === shaded && sort === sorted) return;
    drawn = message;
    shaded = session.view.shade;
    sorted = sort;
    setAttribute(ui.section, "data-step", message ? message.step : null);
    const groups = message?.groups ?? [];
    updatePicker(ui.picker, groups, message?.group, session);
    const empty = !message?.completions; // none were sampled, or this group was left out
    for (const part of [ui.grid, ui.legend]) setHidden(part, empty);
    setHidden(ui.picker, !groups.length);
    if (empty) return updateEmpty(ui, message);
    updatePrompt(ui, message);
    setText(ui.facts, facts(message));
    setHidden(ui.parts, false);
    setHidden(ui.dead, !message.dead);
    setHidden(ui.help, message.dead); // one line for both, so that nothing below moves
    const shading = updateShades(ui, message, shaded);
    const largest = Math.max(1, ...message.completions.map((c) => Math.abs(c.advantage ?? 0)));
    while (cards.length > message.completions.length) {
      cards.pop().element.remove();
      ballots.pop();
    }
    message.completions.forEach((completion, i) => {
      if (!cards[i]) {
        ui.grid.append((cards[i] = new Card(i)).element);
        ballots[i] = new Ballot(i, cards[i].element, session);
        ballots[i].update();
      }
      cards[i].update(completion, largest, shading, message.masked === "group");
    });
    if (ui.order.value !== sort) ui.order.value = sort;
    const places = order(message.completions, sort);
    arrange(ui.grid, places.map((i) => cards[i].element));
    inspector.refresh();
    markToken(ui.grid, session.view.token ?? null);
  };
}

function build(parent, session) {
  const ui = {
    prompt: h("code", { class: "lab-prompt", dir: "ltr" }),
    whole: h("button", { type: "button", class: "lab-whole", "aria-pressed": "false" }, "whole prompt"),
    facts: h("span", { class: "lab-facts" }),
    dead: h(
      "span",
      { class: "lab-dead" },
      "All rewards tie: nothing to learn here.",
    ),
    picker: h("div", { class: "lab-picker", role: "group", "aria-label": "Groups of this step" }),
    scale: h("span", { class: "lab-scale" }),
    grid: h("div", { class: "lab-cards" }),
  };
  ui.choice = h("select", {
    class: "lab-choice",
    onchange: () => session.chooseShade(ui.choice.value),
  });
  ui.choice.append(...SHADES.map(({ id, label }) => h("option", { value: id }, label)));
  ui.order = h("select", { class: "lab-choice", onchange: () => session.chooseSort(ui.order.value) });
  ui.order.append(...SORTS.map(({ id, label }) => h("option", { value: id }, label)));
  const sorting = h("label", { class: "lab-sort" }, "Sorted by ", ui.order);
  setHidden(sorting, !session.chooseSort);
  ui.whole.addEventListener("click", () => {
    const whole = ui.whole.getAttribute("aria-pressed") !== "true";
    setAttribute(ui.whole, "aria-pressed", String(whole));
    updatePrompt(ui, session.board);
  });
  const earned = () => Object.keys(session.board?.completions?.[0]?.rewards ?? {});
  const parts = () => [...earned().map((name) => `rewards/${name}/mean`), "completion reward", "length"];
  ui.parts = glossaryButton(session, "what a completion earns", parts);
  const metric = () => [shadeOf(session.view.shade, session.board).metric];
  ui.shades = h(
    "span",
    { class: "lab-shades" },
    h("label", {}, "Tokens shaded by ", ui.choice),
    glossaryButton(session, "the shading", metric),
    ui.scale,
  );
  const numbers = () => Object.values(EXPLAINED);
  const help = "Point at a token, or use the arrow keys in a card: ";
  const meant = glossaryButton(session, "the numbers of a token", numbers, "its numbers");
  ui.help = h("span", { class: "lab-key-help" }, help, meant);
  ui.legend = h("div", { class: "lab-key" }, ui.shades, sorting, ui.dead, ui.help);
  ui.section = h(
    "section",
    { class: "lab-panel lab-board", "aria-label": "Group board" },
    h("div", { class: "lab-board-head" }, h("h2", {}, "Prompt"), ui.prompt, ui.whole, h("span", { class: "lab-earned" }, ui.facts, ui.parts)),
    ui.picker,
    ui.legend,
    ui.grid,
  );
  parent.append(ui.section);
  return ui;
}

/** What is asked: of a conversation the last turn, and all of it when that is wanted. */
function updatePrompt(ui, message) {
  const asked = message.question ?? message.prompt;
  setHidden(ui.whole, asked === message.prompt);
  const whole = ui.whole.getAttribute("aria-pressed") === "true";
  setText(ui.prompt, whole ? message.prompt : asked);
  setAttribute(ui.prompt, "data-whole", whole ? "" : null);
}

/** What tokens are shaded by, and the legend of that; returns the class of a token's shade. */
function updateShades(ui, message, chosen) {
  const shade = shadeOf(chosen, message);
  for (const option of ui.choice.options) {
    const { has } = SHADES.find(({ id }) => id === option.value);
    option.disabled = option.value !== "push" && !message.completions.some(has);
  }
  if (ui.choice.value !== shade.id) ui.choice.value = shade.id;
  const { of, legend, text } = shade.scale(message);
  resize(ui.scale, legend.length + 1, () => h("span"));
  legend.forEach(([name, words], i) => {
    setText(ui.scale.childNodes[i], words);
    setAttribute(ui.scale.childNodes[i], "class", `tk ${name}`);
  });
  const none = message.masked && !message.completions.some(shade.has);
  setText(ui.scale.lastChild, none ? MASKED : text);
  setAttribute(ui.scale.lastChild, "class", null);
  return of;
}

/** Mark the chosen token. @param {[number, number]|null} place its completion, and its number */
function markToken(grid, place) {
  const [completion, token] = place ?? [];
  const wanted = place
    ? grid.querySelector(`[data-card="${completion}"] [data-token="${token}"]`)
    : null;
  for (const span of grid.querySelectorAll("[data-chosen]")) {
    if (span !== wanted) span.removeAttribute("data-chosen");
  }
  if (wanted) setAttribute(wanted, "data-chosen", "");
}

function updateEmpty(ui, message) {
  setText(ui.facts, "");
  setHidden(ui.whole, true);
  setHidden(ui.parts, true);
  setText(ui.prompt, message ? why(message) : "Reading the group ...");
}

/** Why a message has no completions. */
function why({ step, groups }) {
  if (groups.length) return "This group was left out of this file, to keep it small.";
  if (step === 0) return "Step 0 only evaluated the model: no groups were sampled.";
  return `No groups are on record for step ${step}.`;
}

/** "16 completions · accuracy 3 of 16 · brevity mean 0.71 · mean reward 0.42". */
function facts(message) {
  const cards = message.completions;
  if (message.masked === "group") return `${cards.length} completions · ${MASKED}`;
  const other = message.instead ? [`of step ${message.step}, the last that this file has`] : [];
  const parts = Object.keys(cards[0]?.rewards ?? {}).map((name) => {
    const values = cards.map((c) => c.rewards[name] ?? 0);
    const either = values.every((value) => value === 0 || value === 1);
    const said = either ? `${sum(values)} of ${values.length}` : `mean ${number(mean(values), 2)}`;
    return `${rewardName(name)} ${said}`;
  });
  const hidden = message.hidden ? [`${message.hidden} more not shown`] : [];
  const total = `mean reward ${number(mean(cards.map((c) => c.reward ?? 0)))}`;
  return [...other, `${cards.length} completions`, ...parts, total, ...hidden].join(" · ");
}

function sum(values) {
  return values.reduce((a, b) => a + b, 0);
}

function mean(values) {
  return sum(values) / Math.max(1, values.length);
}

/** One button a group: its number, its mean reward as a bar, and whether all its rewards tie. */
function updatePicker(picker, groups, selected, session) {
  const top = Math.max(1e-9, ...groups.map((group) => group.max ?? 0));
  resize(picker, groups.length, (i) =>
    h(
      "button",
      { type: "button", class: "lab-group", onclick: () => session.chooseGroup(i) },
      h("span", { class: "lab-group-name" }, `Group ${i + 1}`),
      h("span", { class: "lab-group-mean" }),
      h("span", { class: "lab-meter" }, h("i")),
    ),
  );
  groups.forEach((group, i) => {
    const button = picker.childNodes[i];
    const earned = group.dead ? "all tie" : number(group.mean, 2);
    setText(button.childNodes[1], group.left_out ? "left out" : earned);
    setStyle(button.lastChild.firstChild, `width:${meter(group.mean, top)}%`);
    setAttribute(button, "aria-pressed", i === selected ? "true" : "false");
    setAttribute(button, "title", group.prompt);
    button.classList.toggle("lab-group-dead", group.dead);
  });
}

function meter(value, top) {
  return Math.round(100 * Math.min(1, Math.max(0, (value ?? 0) / top)));
}
