/** What a page that was shared is: its title, the run's configuration, what was left out. */

import { h } from "./dom.js";
import { duration } from "./format.js";

/**
 * @typedef {object} About
 * @property {string} title @property {string} description "" for none
 * @property {string} kit name and version of the program @property {string} made a date
 * @property {string} imported the program that trained the run, "" for the kit
 * @property {string} command that made this page @property {string|null} trained command of the run
 * @property {number|null} seed @property {number|null} seconds that the run took
 * @property {number} steps @property {string} left_out "" where all is here
 * @property {Object<string, any>} options of the run
 */

/**
 * The panel; nothing in it changes.
 * @param {HTMLElement} parent
 * @param {About} about
 */
export function aboutPanel(parent, about) {
  const options = Object.entries(about.options).map(([name, value]) =>
    h("div", {}, h("dt", {}, h("code", {}, name)), h("dd", {}, said(value))),
  );
  const code = (words, text) =>
    text ? h("p", {}, `${words} `, h("code", { class: "lab-command" }, text)) : null;
  parent.append(
    h(
      "section",
      { class: "lab-panel lab-about", "aria-label": "About this page" },
      h("h1", {}, about.title),
      about.description ? h("p", { class: "lab-about-text" }, about.description) : null,
      h("p", { class: "lab-about-facts" }, facts(about)),
      about.left_out ? h("p", { class: "lab-about-left" }, about.left_out) : null,
      h(
        "details",
        {},
        h("summary", {}, "How it was made, and every option of the run"),
        code("Trained with", about.trained),
        code("This page:", about.command),
        h("p", {}, "Everything is in this one file; it asks no server for anything."),
        h("dl", { class: "lab-about-options" }, ...options),
      ),
    ),
  );
}

/** "A recording by GRPO Lab 0.1.0 · 125 steps · seed 0 · took 1 min 20 s · page made on ...". */
function facts({ kit, imported, steps, seed, seconds, made }) {
  const what = imported ? `A run of ${imported}'s, shown by ${kit}` : `A recording by ${kit}`;
  const parts = [what, `${steps} steps`];
  if (seed !== null) parts.push(`seed ${seed}`);
  if (seconds !== null) parts.push(`took ${duration(seconds)}`);
  return [...parts, `page made on ${made}`].join(" · ");
}

function said(value) {
  if (Array.isArray(value)) return value.map(said).join(", ");
  const text = typeof value === "object" ? JSON.stringify(value) : String(value);
  return ["", "{}", "null"].includes(text) ? "none" : text;
}
