/**
 * Where a step's time goes: one bar, cut into phases, each second counted once.
 *
 * Which phases are parts of which is known to the server (grpo_core/core/phases.py), which sends leaves
 * that add up to the step.
 */

import { h, resize, s, setAttribute, setHidden, setText } from "../core/dom.js";
import { number } from "../core/format.js";
import { explain, glossaryButton } from "./glossary.js";

const WINDOW = 20; // steps the medians are of
const STYLES = 8;
const HEIGHT = 20;
const GAP = 2; // between two phases
const LETTER = 7; // an upper bound of a letter's width: a phase too short for its name has none

/** What a phase is called: "other sampling" is what is left of sampling. */
export function phaseName(phase) {
  const [name, rest] = phase.split("/");
  return rest ? `other ${name}` : name;
}

/** The metric that the glossary explains for a phase. */
function metricOf(phase) {
  return `seconds/${phase === "other" ? "step" : phase.split("/")[0]}`;
}

/** The middle value; null of nothing. @param {number[]} values */
export function median(values) {
  if (!values.length) return null;
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

/** The values of the last steps until `end` (exclusive) that have one; at most WINDOW. */
function latest(values, end) {
  const found = [];
  for (let i = end - 1; i >= 0 && found.length < WINDOW; i--) {
    if (values[i] !== null && values[i] !== undefined) found.push(values[i]);
  }
  return found;
}

/** One phase of the bar: its colour, its hatching, its name on a ground of its own. */
function segment() {
  return s(
    "svg",
    { class: "lab-second", height: HEIGHT },
    s("rect", { width: "100%", height: HEIGHT, rx: 2 }),
    s("path", { class: "lab-hatch" }),
    s("rect", { class: "lab-second-ground", y: 3, height: 14, rx: 2 }),
    s("text", { x: "50%", y: 14.5, "text-anchor": "middle" }),
  );
}

function place(element, x, width, word) {
  const [, hatch, ground, text] = element.childNodes;
  const named = word.length * LETTER + 10 < width;
  const half = (word.length * LETTER + 4) / 2;
  setAttribute(element, "x", x.toFixed(1));
  setAttribute(element, "width", width.toFixed(1));
  let d = "";
  for (let at = 0; at < width + HEIGHT; at += 7) d += `M${at} 0l-${HEIGHT} ${HEIGHT}`;
  setAttribute(hatch, "d", d);
  setAttribute(ground, "x", (width / 2 - half).toFixed(1));
  setAttribute(ground, "width", (2 * half).toFixed(1));
  for (const part of [ground, text]) setAttribute(part, "visibility", named ? "visible" : "hidden");
  setText(text, word);
}

/**
 * The panel.
 * @param {HTMLElement} parent
 * @param {import("../core/session.js").Session} session
 * @returns {() => void} update
 */
export function seconds(parent, session) {
  const total = h("span", { class: "lab-facts" });
  // SVG, as what moves in there moves nothing else, and is no layout shift
  const bar = s("svg", { class: "lab-seconds-bar", role: "img", height: HEIGHT });
  const list = h("ul", { class: "lab-seconds-list" });
  const help = h("p", { class: "lab-help" });
  let phases = [];
  let at = null; // the phase that is pointed at
  const names = () => ["seconds/step", ...new Set(phases.map(([phase]) => metricOf(phase)))];
  const section = h(
    "section",
    { class: "lab-panel lab-seconds", "aria-label": "Where a step's time goes" },
    h(
      "div",
      { class: "lab-seconds-head" },
      h("h2", {}, "Where a step's time goes"),
      glossaryButton(session, "where a step's time goes", names),
      total,
    ),
    bar,
    list,
    help,
  );
  parent.append(section);
  new ResizeObserver(() => draw()).observe(section);
  let entries = [];

  function point(phase) {
    at = phase;
    draw();
    if (phase === null || entries.length) return;
    session.glossary().then((found) => ((entries = found), draw()));
  }

  function listen(element) {
    element.addEventListener("pointerenter", () => point(element.dataset.phase));
    element.addEventListener("pointerleave", () => point(null));
    element.addEventListener("focusin", () => point(element.dataset.phase));
    element.addEventListener("focusout", () => point(null));
    return element;
  }

  /** The button with the phase's name, rebuilt only where the line was another phase's. */
  function name(line, phase) {
    const word = phaseName(phase);
    if (line.querySelector("button")?.textContent === word) return;
    for (const old of line.querySelectorAll("button, b")) old.remove();
    line.append(glossaryButton(session, word, () => [metricOf(phase)], word), h("b"));
  }

  function draw() {
    const whole = phases.reduce((sum, [, value]) => sum + value, 0);
    const width = bar.clientWidth;
    let x = 0;
    resize(bar, phases.length, () => listen(segment()));
    resize(list, phases.length, () => listen(h("li", {}, h("i", { "aria-hidden": "true" }))));
    phases.forEach(([phase, value], i) => {
      const wide = whole ? (value / whole) * width : 0;
      place(bar.childNodes[i], x, Math.max(wide - GAP, 1), phaseName(phase));
      x += wide;
      for (const element of [bar.children[i], list.children[i]]) {
        setAttribute(element, "data-phase", phase);
        setAttribute(element, "data-style", phase === "other" ? "rest" : String(i % STYLES));
        element.classList.toggle("lab-second-at", phase === at);
      }
      name(list.childNodes[i], phase);
      setText(list.children[i].querySelector("b"), `${number(value, 2)} s`);
    });
    const spoken = phases.map(([phase, value]) => sentence(phase, value, whole));
    setAttribute(bar, "aria-label", spoken.join(", "));
    const pointed = phases.find(([phase]) => phase === at);
    const meaning = pointed && explain(entries, metricOf(at))?.meaning;
    const rest = at?.includes("other") ? "The time not covered by its recorded parts. " : "";
    setText(
      help,
      pointed
        ? `${sentence(at, pointed[1], whole)}. ${rest}${meaning ?? ""}`
        : "Point at a phase, or move to it with Tab, to read what it is.",
    );
  }

  return () => {
    const end = session.steps.findLastIndex((step) => step <= session.step) + 1;
    phases = [...session.history.phases]
      .map(([phase, values]) => [phase, median(latest(values, end))])
      .filter(([, value]) => value !== null);
    setHidden(section, session.steps.length === 0);
    const steps = latest(session.series("seconds/step") ?? [], end);
    const over = steps.length > 1 ? `, median of the last ${steps.length}` : "";
    setText(total, steps.length ? `${number(median(steps))} s per step${over}` : "no step has been timed yet");
    draw();
  };
}

function sentence(phase, value, whole) {
  const share = whole ? Math.round((100 * value) / whole) : 0;
  return `${phaseName(phase)}: ${number(value, 3)} s, ${share}% of a step`;
}
