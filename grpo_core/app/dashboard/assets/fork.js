/** Fork the shown run at a model that it saved, with other settings, and race the two. */

import { h, resize, setAttribute, setHidden, setText } from "./dom.js";
import { number } from "./format.js";

export const fork = { id: "fork", label: "Fork", make };

const NONE =
  "This run has no saved model to fork from: train one of your own, which saves its model whenever " +
  "it is evaluated.";

/** What a fork may change: name, label, attributes of its field. */
const FIELDS = [
  ["beta", "Beta", { min: 0, step: 0.001 }],
  ["learning_rate", "Learning rate", { min: 0, step: 0.0001 }],
  ["num_generations", "Group size G", { min: 2, step: 1 }],
  ["max_steps", "Steps", { min: 1, step: 1 }],
  ["seed", "Seed", { min: 0, step: 1 }],
];

function make(parent, session) {
  const at = h("select", { class: "lab-choice" });
  const preset = h("select", { class: "lab-choice" });
  const inputs = FIELDS.map(([name, , limits]) => h("input", { type: "number", name, ...limits }));
  const fields = FIELDS.map(([, label], i) => h("label", {}, h("span", {}, label), inputs[i]));
  const go = h("button", { type: "button", class: "lab-button", onclick: start }, "Fork and race");
  const none = h("p", { class: "lab-muted" });
  const form = h(
    "div",
    { class: "lab-fork" },
    h("label", {}, h("span", {}, "From the model of step"), at),
    h("label", {}, h("span", {}, "Method"), preset),
    ...fields,
    go,
  );
  const words =
    "The fork begins with the saved weights: optimizer and warm-up begin anew, and its KL is " +
    "measured to the saved model. A field left empty stays as it is in this run. Both runs' " +
    "curves are drawn together, the fork's from the step it was forked at.";
  parent.append(none, form, h("p", { class: "lab-muted" }, words));
  let shown = null;

  function start() {
    const given = FIELDS.map(([name], i) => [name, inputs[i].value]).filter(([, text]) => text);
    const options = Object.fromEntries(given.map(([name, text]) => [name, Number(text)]));
    session.fork(Number(at.value), preset.value, options);
  }

  return () => {
    const { run } = session;
    if (!run) return;
    const models = run.models ?? [];
    setHidden(form, models.length === 0);
    setHidden(none, models.length > 0);
    setText(none, NONE);
    const methods = Object.entries(session.methods);
    resize(preset, methods.length, () => h("option"));
    methods.forEach(([name, label], i) => {
      setText(preset.childNodes[i], label);
      setAttribute(preset.childNodes[i], "value", name);
    });
    const key = JSON.stringify([run.key, models]);
    if (key !== shown) {
      shown = key;
      resize(at, models.length, () => h("option"));
      models.forEach((step, i) => {
        setText(at.childNodes[i], String(step));
        setAttribute(at.childNodes[i], "value", step);
      });
      const nearest = models.filter((step) => step <= (session.step ?? 0)).pop() ?? models[0];
      if (nearest !== undefined) at.value = String(nearest);
    }
    FIELDS.forEach(([name], i) => {
      const own = run.config[name];
      setAttribute(inputs[i], "placeholder", own === undefined ? "" : number(own));
    });
    go.disabled = Boolean(session.live) || session.pending === "start";
    setAttribute(go, "title", session.live ? "A run is training: stop it first." : null);
  };
}
