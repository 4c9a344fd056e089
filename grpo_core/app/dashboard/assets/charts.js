/**
 * Line charts of the run's metrics, in SVG, changed in place.
 *
 * Ours rather than plotly's bundled script, after measuring (benchmarks/charts.py, two busy cores,
 * these eight charts, 150 steps): first paint 89 ms against 1,434 ms, one more step 2.2 ms against
 * 51 ms, 17 KB of script against 4.7 MB, 290 DOM nodes against 920.
 */

import { h, resize, s, setAttribute, setHidden, setText } from "./dom.js";
import { number } from "./format.js";
import { glossaryButton } from "./glossary.js";
import { CHARTS } from "./metrics.js";
import { horizontalEnd, stepTicks, verticalAxis } from "./scale.js";

const HEIGHT = 104;
const LEFT = 46; // room for "0.0075"
const RIGHT = 10;
const TOP = 7;
const BOTTOM = 17;
const MAX_POINTS = 500; // a line; more steps are thinned to every second, third, ...
const DOTS_BELOW = 16; // series with fewer values show each of them

/**
 * The charts panel.
 * @param {HTMLElement} parent
 * @param {import("./session.js").Session} session
 * @returns {() => void} update
 */
export function charts(parent, session) {
  const help = h("p", { class: "lab-help", id: "lab-chart-help" });
  const grid = h("div", { class: "lab-charts" });
  const state = { hover: null, help: null };
  const drawn = CHARTS.map((chart) => new LineChart(chart, session, state, update));
  for (const chart of drawn) grid.append(chart.element);
  const section = h(
    "section",
    { class: "lab-panel", "aria-label": "Metrics of the run" },
    grid,
    help,
  );
  parent.append(section);
  new ResizeObserver(() => {
    for (const chart of drawn) chart.measure();
    update();
  }).observe(grid);

  function update() {
    const empty = session.steps.length === 0;
    setHidden(section, empty);
    if (empty) return;
    const frame = horizontal(session);
    for (const chart of drawn) chart.update(frame, state.hover);
    setText(
      help,
      state.help ??
        "Point at a chart, or move to it with Tab, to read what it shows. Click a step to go there.",
    );
  }
  return update;
}

/** What all charts share: the steps, where the page is among them, the horizontal axis. */
function horizontal(session) {
  const run = session.run;
  const end = horizontalEnd(session.lastStep, run?.config.max_steps, Boolean(run?.live));
  const overlays = session.overlays ?? [];
  const ends = overlays.map(({ steps }) => steps[steps.length - 1] ?? 0);
  return {
    steps: session.steps,
    at: session.step,
    end: Math.max(end, ...ends),
    following: session.following,
    overlays,
  };
}

class LineChart {
  constructor(chart, session, state, redraw) {
    this.chart = chart;
    this.session = session;
    this.width = 240;
    this.keys = [];
    this.series = [];
    this.overlaid = [];
    this.axis = "";
    this.legend = h("div", { class: "lab-legend" });
    this.svg = s("svg", { height: HEIGHT, role: "img" });
    this.axes = s("g", { class: "lab-axes" });
    this.lines = s("g");
    this.rule = s("line", { class: "lab-rule", y1: TOP, y2: HEIGHT - BOTTOM });
    this.none = h("div", { class: "lab-none" }, "not recorded in this run");
    this.svg.append(this.axes, this.rule, this.lines);
    this.element = h(
      "figure",
      { class: "lab-chart", tabindex: "0", "data-chart": chart.id },
      h(
        "figcaption",
        {},
        h("span", { class: "lab-chart-title" }, chart.title),
        glossaryButton(session, chart.title, () => this.keys.map(([key]) => key)),
        h("span", { class: "lab-unit" }, chart.unit),
      ),
      this.legend,
      h("div", { class: "lab-plot" }, this.svg, this.none),
    );
    this.#listen(state, redraw);
  }

  #listen(state, redraw) {
    const show = () => {
      state.help = `${this.chart.title} (${this.chart.unit}, by step): ${this.chart.text}`;
      redraw();
    };
    const leave = () => {
      state.help = null;
      state.hover = null;
      redraw();
    };
    this.element.addEventListener("pointerenter", show);
    this.element.addEventListener("focus", show);
    this.element.addEventListener("pointerleave", leave);
    this.element.addEventListener("blur", leave);
    this.svg.addEventListener("pointermove", (event) => {
      state.hover = this.#stepAt(event);
      redraw();
    });
    this.svg.addEventListener("click", (event) => this.session.goTo(this.#stepAt(event)));
    this.element.addEventListener("keydown", (event) => {
      if (event.key === "ArrowLeft") this.session.move(-1);
      else if (event.key === "ArrowRight") this.session.move(1);
      else return;
      event.preventDefault();
    });
  }

  /** The recorded step nearest to the pointer. */
  #stepAt(event) {
    const x = event.clientX - this.svg.getBoundingClientRect().left;
    const step = ((x - LEFT) / (this.width - LEFT - RIGHT)) * (this.end ?? 1);
    let best = this.session.steps[0];
    for (const candidate of this.session.steps) {
      if (Math.abs(candidate - step) < Math.abs(best - step)) best = candidate;
    }
    return best;
  }

  measure() {
    this.width = Math.max(120, this.svg.parentElement.clientWidth);
    this.axis = "";
  }

  /** Draw everything again; only what differs touches the DOM. */
  update(frame, hover) {
    const names = [...this.session.history.metrics.keys()];
    this.keys = this.chart.keys(names);
    const marked = this.keys.some(([key]) => this.session.marked.includes(key));
    this.element.classList.toggle("lab-chart-marked", marked);
    const series = this.keys
      .map(([key, label]) => ({ label, values: this.session.series(key) }))
      .filter((one) => one.values?.some((value) => value !== null));
    setHidden(this.none, series.length > 0);
    setHidden(this.legend, series.length === 0);
    const others = this.#others(series[0], frame.overlays);
    this.#setSeries(series, others);
    this.end = frame.end;
    const columns = [...series, ...others].map((one) => one.values);
    const y = verticalAxis(columns, this.chart.top);
    this.#drawAxes(y, frame.end);
    const shown = hover ?? frame.at;
    const place = {
      x: (step) => LEFT + (step / frame.end) * (this.width - LEFT - RIGHT),
      y: (value) => TOP + (1 - (value - y.low) / (y.high - y.low)) * (HEIGHT - TOP - BOTTOM),
    };
    this.series.forEach((line, i) => line.update(series[i].values, frame, shown, place));
    this.overlaid.forEach((line, i) => {
      line.update(others[i].values, { ...frame, steps: others[i].steps, at: Infinity }, shown, place);
    });
    const ruled = hover !== null || !frame.following;
    setAttribute(this.rule, "visibility", ruled ? "visible" : "hidden");
    for (const end of ["x1", "x2"]) setAttribute(this.rule, end, place.x(shown).toFixed(1));
    setAttribute(this.svg, "aria-label", this.#summary(series, frame));
  }

  /** Of the other runs, the values of this chart's first line. */
  #others(first, overlays) {
    const key = this.keys.find(([, label]) => label === first?.label)?.[0];
    return overlays
      .filter(({ metrics }) => metrics[key])
      .map(({ name, steps, metrics }) => {
        const from = steps.findIndex((step) => step >= 0);
        return { label: name, steps: steps.slice(from), values: metrics[key].slice(from) };
      });
  }

  #setSeries(series, others) {
    const labels = JSON.stringify([series, others].map((some) => some.map(({ label }) => label)));
    if (labels === this.labels) return;
    this.labels = labels;
    this.lines.replaceChildren();
    this.legend.replaceChildren();
    this.series = series.map((one, i) => new Line(one.label, i % 4, this.lines, this.legend));
    const style = (i) => `other-${i % 3}`;
    this.overlaid = others.map((one, i) => new Line(one.label, style(i), this.lines, this.legend));
  }

  #drawAxes(y, end) {
    const key = JSON.stringify([y, end, this.width]);
    if (key === this.axis) return;
    this.axis = key;
    setAttribute(this.svg, "width", this.width);
    const bottom = HEIGHT - BOTTOM;
    const right = this.width - RIGHT;
    const parts = y.ticks.flatMap((tick) => {
      const at = TOP + (1 - (tick - y.low) / (y.high - y.low)) * (bottom - TOP);
      return [
        s("line", { x1: LEFT, x2: right, y1: at, y2: at, class: tick === 0 ? "lab-zero" : "" }),
        s("text", { x: LEFT - 5, y: at + 3.5, "text-anchor": "end" }, number(tick, 2)),
      ];
    });
    const place = (step) => LEFT + (step / end) * (right - LEFT);
    for (const tick of stepTicks(end)) {
      parts.push(
        s("text", { x: place(tick), y: HEIGHT - 4, "text-anchor": "middle" }, String(tick)),
      );
    }
    parts.push(s("text", { x: LEFT - 12, y: HEIGHT - 4, "text-anchor": "end" }, "step"));
    this.axes.replaceChildren(...parts);
  }

  #summary(series, frame) {
    const values = series.map(({ label, values }) => {
      const at = valueAt(values, frame.steps, frame.at);
      return `${label} ${number(at?.value)} at step ${at?.step ?? frame.at}`;
    });
    return `${this.chart.title}, ${this.chart.unit}: ${values.join(", ") || "not recorded"}`;
  }
}

/** One series: a line up to the shown step, a faint one after it, and its legend entry. */
class Line {
  constructor(label, style, lines, legend) {
    this.after = s("path", { class: `lab-line lab-line-${style} lab-after` });
    this.before = s("path", { class: `lab-line lab-line-${style}` });
    this.dots = s("g", { class: `lab-dots lab-line-${style}` });
    lines.append(this.after, this.before, this.dots);
    this.value = h("b");
    const sample = s("svg", { class: "lab-sample", width: 18, height: 8, "aria-hidden": "true" });
    sample.append(s("path", { d: "M0 4H18", class: `lab-line lab-line-${style}` }));
    legend.append(h("span", {}, sample, h("bdi", {}, label), " ", this.value));
  }

  update(values, frame, shown, place) {
    const points = [];
    frame.steps.forEach((step, i) => {
      if (values[i] !== null) points.push([step, values[i]]);
    });
    const split = points.filter(([step]) => step <= frame.at).length;
    setAttribute(this.before, "d", path(points.slice(0, split), place));
    setAttribute(this.after, "d", path(points.slice(Math.max(0, split - 1)), place));
    const at = valueAt(values, frame.steps, shown);
    setText(this.value, number(at?.value));
    this.#drawDots(points, at, place);
  }

  #drawDots(points, at, place) {
    const dots = points.length < DOTS_BELOW ? points : [];
    const all = at ? [...dots, [at.step, at.value]] : dots;
    resize(this.dots, all.length, () => s("circle", { r: 2 }));
    all.forEach(([step, value], i) => {
      const dot = this.dots.childNodes[i];
      setAttribute(dot, "cx", place.x(step).toFixed(1));
      setAttribute(dot, "cy", place.y(value).toFixed(1));
      setAttribute(dot, "r", at && i === all.length - 1 ? 3 : 2);
    });
  }
}

/** The last value at or before a step: held-out figures exist at some steps only. */
function valueAt(values, steps, step) {
  for (let i = steps.length - 1; i >= 0; i--) {
    if (steps[i] <= step && values[i] !== null) return { step: steps[i], value: values[i] };
  }
  return null;
}

function path(points, place) {
  const stride = Math.ceil(points.length / MAX_POINTS);
  let d = "";
  points.forEach(([step, value], i) => {
    if (i % stride && i !== points.length - 1) return;
    d += `${d ? "L" : "M"}${place.x(step).toFixed(1)} ${place.y(value).toFixed(1)}`;
  });
  return d;
}
