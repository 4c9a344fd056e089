/**
 * The diagnosis strip: the questions everybody asks, answered from the run's own records.
 *
 * The server answers them once for all viewers. A tile says a verdict and a few words without
 * figures, so it stands still until something else is found; pressing it shows the whole answer,
 * its figures, the charts that show it, and what each metric means.
 */

import { find, h, resize, setAttribute, setHidden, setText } from "../core/dom.js";
import { number } from "../core/format.js";
import { glossaryButton } from "./glossary.js";
import { chartOf } from "./metrics.js";

const EXPECTED = 5; // tiles for which there is room before the first answer comes

/**
 * The diagnosis panel.
 * @param {HTMLElement} parent
 * @param {import("../core/session.js").Session} session
 * @returns {() => void} update
 */
export function diagnosis(parent, session) {
  const strip = h("div", { class: "lab-findings" });
  const said = h("p", { class: "lab-hidden-text", "aria-live": "polite" });
  const tiles = [];
  const detail = new Detail(session, () => choose(null));
  const section = h(
    "section",
    { class: "lab-panel lab-diagnosis", "aria-label": "Diagnosis of the run" },
    strip,
    detail.element,
    said,
  );
  parent.append(section);
  let drawn; // undefined: the empty tiles are to be drawn too, so that their room is taken
  let run = null;
  let chosen = null;

  /** Open one question's answer, or none. */
  function choose(name) {
    const before = tiles.find((tile) => tile.name === chosen);
    chosen = name === chosen ? null : name;
    draw();
    if (chosen === null) before?.element.focus({ preventScroll: true });
  }

  function draw() {
    const findings = session.findings?.findings ?? [];
    resize(strip, Math.max(findings.length, tiles.length, EXPECTED), (i) => {
      tiles[i] = new Tile(choose);
      return tiles[i].element;
    });
    const news = tiles.map((tile, i) => tile.update(findings[i], chosen)).filter(Boolean);
    if (news.length && run === session.shown) setText(said, news.join(" "));
    run = session.shown;
    const finding = findings.find(({ name }) => name === chosen) ?? null;
    detail.update(finding, session.findings?.step);
    session.mark(finding?.metrics ?? []);
  }

  return () => {
    setHidden(section, session.steps.length === 0);
    if (session.findings === drawn) return;
    drawn = session.findings;
    draw();
  };
}

/** One question: its verdict by sign, word and colour, and the answer in a few words. */
class Tile {
  constructor(choose) {
    this.name = null;
    this.said = null;
    this.question = h("span", { class: "lab-finding-question" });
    this.sign = h("span", { class: "lab-sign", "aria-hidden": "true" });
    this.verdict = h("b", { class: "lab-verdict" });
    this.headline = h("span", { class: "lab-headline" });
    this.element = h(
      "button",
      {
        type: "button",
        class: "lab-finding",
        "aria-expanded": "false",
        "aria-controls": "lab-finding-detail",
        onclick: () => this.name && choose(this.name),
      },
      this.question,
      h("span", { class: "lab-finding-words" }, this.sign, this.verdict, " ", this.headline),
    );
  }

  /** Returns a sentence when the verdict of the same question changed. */
  update(finding, chosen) {
    this.name = finding?.name ?? null;
    setText(this.question, finding?.question ?? "…");
    setAttribute(this.question, "title", finding?.question ?? null);
    setText(this.sign, finding?.sign ?? "");
    setText(this.verdict, finding ? `${finding.verdict}:` : "");
    setText(this.headline, finding ? finding.headline || finding.verdict : "reading the records");
    setAttribute(this.element, "data-verdict", finding?.verdict ?? "unknown");
    setAttribute(this.element, "aria-expanded", String(this.name !== null && this.name === chosen));
    const before = this.said;
    this.said = finding ? finding.verdict : null;
    const changed = before !== null && this.said !== null && before !== this.said;
    return changed ? `${finding.question} ${finding.verdict}: ${finding.headline}.` : null;
  }
}

/** The whole answer of the chosen question. */
class Detail {
  constructor(session, close) {
    this.session = session;
    this.question = h("h3");
    this.answer = h("p", { class: "lab-finding-answer" });
    this.metrics = h("ul", { class: "lab-finding-metrics", "aria-label": "Metrics that show it" });
    this.charts = h("div", { class: "lab-finding-charts" });
    this.evidence = h("dl", { class: "lab-evidence" });
    this.named = []; // what the evidence's figures are called
    const named = () => this.named;
    const meant = glossaryButton(session, "the evidence", named, "Evidence");
    this.compared = h("p", { class: "lab-muted" });
    this.element = h(
      "div",
      { class: "lab-finding-detail", id: "lab-finding-detail", role: "region" },
      h(
        "header",
        {},
        this.question,
        h("button", { type: "button", class: "lab-button", onclick: close }, "Close"),
      ),
      this.answer,
      this.metrics,
      this.charts,
      h("div", { class: "lab-evidence-head" }, meant, this.evidence),
      this.compared,
    );
    this.element.hidden = true;
    this.element.addEventListener("keydown", (event) => {
      if (event.key === "Escape") close();
    });
    this.shown = "";
  }

  update(finding, step) {
    setHidden(this.element, !finding);
    if (!finding) return;
    setText(this.question, finding.question);
    setAttribute(this.element, "aria-label", finding.question);
    setAttribute(this.element, "data-verdict", finding.verdict);
    setText(this.answer, finding.answer);
    this.#updateMetrics(finding.metrics);
    const evidence = Object.entries(finding.evidence);
    this.named = evidence.map(([name]) => name);
    setHidden(this.evidence.parentElement, evidence.length === 0);
    resize(this.evidence, evidence.length, () => h("div", {}, h("dt"), h("dd")));
    evidence.forEach(([name, value], i) => {
      const [dt, dd] = this.evidence.childNodes[i].childNodes;
      setText(dt, name.replaceAll("_", " "));
      setText(dd, number(value));
    });
    const ends = finding.steps;
    const over = ends ? `over steps ${ends[0]} to ${ends[1]}` : "";
    setText(this.compared, `As of step ${step}, ${over}: the first steps compared with the last.`);
  }

  /** The metrics and the charts that show them, rebuilt only when other names come. */
  #updateMetrics(metrics) {
    const names = [...this.session.history.metrics.keys()];
    const charts = [...new Set(metrics.map((metric) => chartOf(metric, names)).filter(Boolean))];
    const key = JSON.stringify([metrics, charts.map(({ id }) => id)]);
    if (key !== this.shown) {
      this.shown = key;
      this.metrics.replaceChildren(...metrics.map((metric) => this.#line(metric)));
      this.charts.replaceChildren(...charts.map((chart) => this.#button(chart)));
    }
    metrics.forEach((metric, i) => {
      const values = this.session.series(metric) ?? [];
      const last = values.findLast((value) => value !== null);
      setText(this.metrics.children[i].querySelector("b"), number(last));
    });
  }

  #line(metric) {
    const gloss = glossaryButton(this.session, metric, () => [metric]);
    return h("li", {}, h("code", {}, metric), " ", h("b"), gloss);
  }

  #button({ id, title }) {
    const show = () => {
      const element = find(this.element.closest(".lab"), `[data-chart="${id}"]`);
      const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
      const behavior = still ? "auto" : "smooth";
      element.scrollIntoView({ block: "center", inline: "nearest", behavior });
      element.focus({ preventScroll: true });
    };
    return h("button", { type: "button", class: "lab-button", onclick: show }, `Show ${title}`);
  }
}
