/**
 * Where a step's time goes: one bar, cut into phases, each second counted once.
 *
 * Which phases are parts of which is known to the server (grpo_core/phases.py), which sends leaves
 * that add up to the step.
 */

import { h, resize, setAttribute, setHidden, setText } from "./dom.js";
import { number } from "./format.js";
import { explain, glossaryButton } from "./glossary.js";

const WINDOW = 20; // steps the medians are of
const STYLES = 8;

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

/** The median over the last steps until `end` (exclusive) that have a value. */
function recent(values, end) {
  const found = [];
  for (let i = end - 1; i >= 0 && found.length < WINDOW; i--) {
    if (values[i] !== null && values[i] !== undefined) found.push(values[i]);
  }
  return median(found);
}

/**
 * The panel.
 * @param {HTMLElement} parent
 * @param {import("./session.js").Session} session
 * @returns {() => void} update
 */
export function seconds(parent, session) {
  const total = h("span", { class: "lab-facts" });
  const bar = h("div", { class: "lab-seconds-bar", role: "img" });
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

  function draw() {
    const whole = phases.reduce((sum, [, value]) => sum + value, 0);
    resize(bar, phases.length, () => listen(h("span", { class: "lab-second" }, h("span"))));
    resize(list, phases.length, () => listen(h("li", {}, h("i", { "aria-hidden": "true" }))));
    phases.forEach(([phase, value], i) => {
      const style = phase === "other" ? "rest" : String(i % STYLES);
      const [part, line] = [bar.childNodes[i], list.childNodes[i]];
      for (const element of [part, line]) {
        setAttribute(element, "data-phase", phase);
        setAttribute(element, "data-style", style);
        element.classList.toggle("lab-second-at", phase === at);
      }
      setAttribute(part, "style", `flex-grow:${whole ? (value / whole).toFixed(4) : 0}`);
      setText(part.firstChild, phaseName(phase));
      const word = phaseName(phase);
      if (line.querySelector("button")?.textContent !== word) {
        line.querySelector("button")?.remove();
        line.querySelector("b")?.remove();
        line.append(glossaryButton(session, word, () => [metricOf(phase)], word), h("b"));
      }
      setText(line.querySelector("b"), `${number(value, 2)} s`);
    });
    const spoken = phases.map(([phase, value]) => sentence(phase, value, whole));
    setAttribute(bar, "aria-label", spoken.join(", "));
    const pointed = phases.find(([phase]) => phase === at);
    const meaning = pointed && explain(entries, metricOf(at))?.meaning;
    const rest = at?.includes("other") ? "What its recorded parts leave of it. " : "";
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
      .map(([phase, values]) => [phase, recent(values, end)])
      .filter(([, value]) => value !== null);
    setHidden(section, phases.length === 0);
    if (!phases.length) return;
    const step = recent(session.series("seconds/step") ?? [], end);
    setText(total, `${number(step)} s a step, median of the last ${WINDOW}`);
    draw();
  };
}

function sentence(phase, value, whole) {
  const share = whole ? Math.round((100 * value) / whole) : 0;
  return `${phaseName(phase)}: ${number(value, 3)} s, ${share}% of a step`;
}
