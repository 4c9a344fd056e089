/** The run list: every run, what it is doing, which one is shown. */

import { h, setAttribute, setHidden, setStyle, setText } from "./dom.js";
import { STATUS } from "./timeline.js";

/**
 * The run list, beside the panels.
 * @param {HTMLElement} parent
 * @param {import("./session.js").Session} session
 * @returns {() => void} update
 */
export function runList(parent, session) {
  const list = h("div", { class: "lab-runs" });
  const none = h("p", { class: "lab-muted" }, "None yet.");
  const items = new Map();
  parent.append(h("nav", { class: "lab-side", "aria-label": "Runs" }, h("h2", {}, "Runs"), none, list));
  let order = "";
  return () => {
    setHidden(none, session.runs.length > 0);
    for (const run of session.runs) {
      if (!items.has(run.key)) items.set(run.key, new Item(run.key, session));
      const overlaid = session.view.others.includes(run.key);
      items.get(run.key).update(run, run.key === session.shown, overlaid);
    }
    const keys = session.runs.map((run) => run.key);
    if (order === keys.join("\n")) return;
    order = keys.join("\n");
    for (const key of [...items.keys()]) if (!keys.includes(key)) items.delete(key);
    list.replaceChildren(...keys.map((key) => items.get(key).element));
  };
}

let made = 0; // items, for their ids

class Item {
  constructor(key, session) {
    const id = `lab-run-${++made}`;
    this.name = h("span", { class: "lab-item-name", id });
    this.overlay = h(
      "button",
      {
        type: "button",
        class: "lab-overlay",
        "aria-describedby": id,
        "aria-pressed": "false",
        title: "Draw its curves too",
        onclick: () => session.overlay(key),
      },
      "overlay",
    );
    this.status = h("span", { class: "lab-status" });
    this.steps = h("span", { class: "lab-muted" });
    this.meter = h("i");
    this.button = h(
      "button",
      { type: "button", class: "lab-item", onclick: () => session.chooseRun(key) },
      this.name,
      h("span", { class: "lab-item-line" }, this.status, this.steps),
      h("span", { class: "lab-meter" }, this.meter),
    );
    this.element = h("div", { class: "lab-one" }, this.button, this.overlay);
  }

  /** @param {boolean} overlaid whether its curves are drawn beside the shown run's */
  update(run, shown, overlaid) {
    setHidden(this.overlay, shown);
    setAttribute(this.overlay, "aria-pressed", String(overlaid));
    const planned = run.config.max_steps;
    setText(this.name, run.name);
    setText(this.status, run.recorded ? "recorded" : (STATUS[run.status] ?? run.status));
    setAttribute(this.status, "data-status", run.recorded ? "recorded" : run.status);
    setText(this.steps, run.step === null ? "no step yet" : `step ${run.step} of ${planned ?? "?"}`);
    const done = planned ? Math.min(100, (100 * (run.step ?? 0)) / planned) : 0;
    setStyle(this.meter, `width:${done.toFixed(0)}%`);
    setAttribute(this.button, "aria-current", shown ? "true" : null);
    setAttribute(this.button, "title", run.name);
  }
}
