/**
 * The atlas: every group of every step as a cell, dead groups dark; where the prompt that is shown
 * came again; and the first completions that did something. One canvas, so that a long run costs
 * no more elements than a short one.
 */

import { MASKED } from "./card.js";
import { h, resize, setAttribute, setHidden, setStyle, setText } from "./dom.js";
import { inline, number } from "./format.js";

const ROW = 11; // pixels of a group
const LEFT = 58;
const AXIS = 15;
const NOTHING = { cells: [], prompts: new Map(), firsts: {} };
const MOST_PLACES = 12; // of one prompt, as buttons

/**
 * The atlas panel.
 * @param {HTMLElement} parent
 * @param {import("./session.js").Session} session
 * @returns {() => void} update
 */
export function atlas(parent, session) {
  const ui = build(parent, session);
  const map = new Chart(ui.canvas, session);
  new ResizeObserver(draw).observe(ui.section);
  const scheme = new MutationObserver(draw);
  scheme.observe(document.body, { attributes: true, attributeFilter: ["class"] });
  ui.canvas.addEventListener("pointermove", (event) => setText(ui.said, map.words(map.at(event))));
  ui.canvas.addEventListener("pointerleave", () => setText(ui.said, map.words(map.shown())));
  ui.canvas.addEventListener("click", (event) => go(session, map.at(event)));
  ui.canvas.addEventListener("keydown", (event) => key(session, event));

  function draw() {
    setAttribute(ui.section, "data-empty", map.known.cells.length ? null : "");
    map.draw();
    setText(ui.said, map.words(map.shown()));
    setAttribute(ui.canvas, "aria-label", `Groups by step. ${map.words(map.shown())}`);
    drawFirsts(ui.firsts, map.known.firsts, session);
    drawPlaces(ui.places, map.places(), session);
  }

  return () => {
    const none = session.steps.length === 0;
    setHidden(ui.section, none);
    if (!none) draw();
  };
}

function build(parent, session) {
  const ui = {
    canvas: h("canvas", { class: "lab-atlas-map", tabindex: "0", role: "img" }),
    said: h("p", { class: "lab-atlas-said" }),
    firsts: h("div", { class: "lab-atlas-row", role: "group", "aria-label": "First seen" }),
    places: h("div", { class: "lab-atlas-row", role: "group", "aria-label": "This prompt" }),
  };
  ui.section = h(
    "section",
    { class: "lab-panel lab-atlas", "aria-label": "Every group of the run" },
    h(
      "div",
      { class: "lab-atlas-head" },
      h("h2", {}, "Every group"),
      h("span", { class: "lab-atlas-key" }, h("i"), "low", h("i"), h("i"), "high mean reward"),
      h("span", { class: "lab-atlas-key" }, h("u"), "dead: nothing to learn"),
      ui.said,
    ),
    ui.canvas,
    ui.firsts,
    ui.places,
  );
  parent.append(ui.section);
  return ui;
}

/** The canvas: steps to the right, groups down. */
class Chart {
  constructor(canvas, session) {
    this.canvas = canvas;
    this.session = session;
  }

  /** What has come of the run that is shown. */
  get known() {
    return this.session.atlas ?? NOTHING;
  }

  /** How many groups a step has; the board tells before the cells have come. */
  get rows() {
    const shown = Math.max(1, this.session.record?.groups?.length ?? 1);
    return this.known.cells.reduce((most, cell) => Math.max(most, cell[1] + 1), shown);
  }

  get end() {
    const planned = this.session.run?.live ? (this.session.run.config.max_steps ?? 0) : 0;
    return Math.max(planned, this.session.lastStep ?? 1, 1);
  }

  /** The cell under a pointer, or null. */
  at(event) {
    const box = this.canvas.getBoundingClientRect();
    const step =
      1 + Math.floor(((event.clientX - box.left - LEFT) * this.end) / (box.width - LEFT));
    const group = Math.floor((event.clientY - box.top) / ROW);
    return this.known.cells.find((cell) => cell[0] === step && cell[1] === group) ?? null;
  }

  /** The cell of the group that is shown, or null. */
  shown() {
    const { record } = this.session;
    if (!record || record.group === undefined) return null;
    const found = (cell) => cell[0] === record.step && cell[1] === record.group;
    return this.known.cells.find(found) ?? null;
  }

  /** The cells of the prompt that is shown. */
  places() {
    const shown = this.shown();
    return shown ? this.known.cells.filter((cell) => cell[2] === shown[2]) : [];
  }

  words(cell) {
    if (!cell) return "";
    const [step, group, prompt, mean, dead, formed, solved] = cell;
    const told = this.secret(cell) ? [MASKED] : [];
    if (!told.length) {
      told.push(dead ? `dead, all ${number(mean, 2)}` : `mean reward ${number(mean, 2)}`);
      if (solved !== null) told.push(`${Math.round(100 * solved)}% solved`);
      if (formed !== null) told.push(`${Math.round(100 * formed)}% well-formed`);
    }
    told.push(inline(this.known.prompts.get(prompt) ?? "")); // last: it may be cut off
    return `step ${step}, group ${group + 1}: ${told.join(" · ")}`;
  }

  /** Whether the class votes on this group. */
  secret([step, group]) {
    return this.session.room.secret(this.session.shown, step, group);
  }

  draw() {
    const { canvas, known, end } = this;
    const scale = devicePixelRatio || 1;
    const width = canvas.clientWidth;
    const height = this.rows * ROW + AXIS;
    setStyle(canvas, `height:${height}px`);
    if (canvas.width !== Math.round(width * scale)) canvas.width = Math.round(width * scale);
    if (canvas.height !== Math.round(height * scale)) canvas.height = Math.round(height * scale);
    const pen = canvas.getContext("2d");
    const colour = colours(canvas);
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.clearRect(0, 0, width, height);
    const top = known.cells.reduce((most, cell) => Math.max(most, cell[3] ?? 0), 1e-9);
    const wide = (width - LEFT) / end;
    const gap = wide > 4 ? 1 : 0;
    for (const cell of known.cells) {
      if (this.secret(cell)) continue;
      const [step, group, , mean, dead] = cell;
      pen.fillStyle = dead ? colour.dead : colour.up;
      pen.globalAlpha = dead ? 1 : 0.12 + 0.88 * Math.max(0, (mean ?? 0) / top);
      const x = LEFT + (step - 1) * wide;
      pen.fillRect(x, group * ROW, Math.max(wide - gap, 0.7), ROW - 1);
      if (dead && gap) stroke(pen, colour.panel, x, group * ROW, wide - gap);
    }
    pen.globalAlpha = 1;
    this.#axes(pen, colour, width, height, wide);
    this.#marks(pen, colour, wide);
  }

  #axes(pen, colour, width, height, wide) {
    pen.fillStyle = colour.soft;
    pen.font = "10px system-ui, sans-serif";
    pen.textBaseline = "middle";
    for (const row of new Set([0, this.rows - 1])) {
      pen.fillText(`group ${row + 1}`, 4, row * ROW + ROW / 2);
    }
    pen.textBaseline = "bottom";
    pen.fillText("step", 4, height - 1);
    const every = [1, 2, 5, 10, 20, 25, 50, 100, 200, 500, 1000].find((n) => n * wide > 44) ?? 2000;
    pen.textAlign = "center";
    for (let step = every; step <= this.end; step += every) {
      const x = LEFT + (step - 0.5) * wide;
      if (x < width - 10) pen.fillText(String(step), x, height - 1);
    }
    pen.textAlign = "start";
  }

  /** Where this prompt came, the first well-formed of it, and where the page is. */
  #marks(pen, colour, wide) {
    const places = this.places();
    const box = ([step, group]) => [LEFT + (step - 1) * wide, group * ROW, Math.max(wide, 3), ROW];
    if (places.length > 1) {
      pen.strokeStyle = colour.ink;
      pen.lineWidth = 1;
      for (const cell of places) pen.strokeRect(...box(cell));
    }
    const shown = this.shown();
    if (!shown) return;
    const [x, y, w, tall] = box(shown);
    pen.strokeStyle = colour.focus;
    pen.lineWidth = 2;
    pen.strokeRect(x - 1, y - 1, w + 2, tall + 1);
  }
}

function colours(element) {
  const style = getComputedStyle(element);
  const of = (name) => style.getPropertyValue(name).trim();
  return {
    up: of("--lab-0"),
    dead: of("--lab-dead"),
    panel: of("--lab-panel"),
    ink: of("--lab-ink"),
    soft: of("--lab-soft"),
    focus: of("--lab-1"),
  };
}

/** A stroke through a dead cell, so that not only its colour tells it. */
function stroke(pen, colour, x, y, wide) {
  pen.strokeStyle = colour;
  pen.lineWidth = 1.2;
  pen.beginPath();
  pen.moveTo(x, y + ROW - 1);
  pen.lineTo(x + wide, y);
  pen.stroke();
}

function go(session, cell) {
  if (!cell) return;
  session.goTo(cell[0]);
  session.chooseGroup(cell[1]);
}

/** Arrow keys: steps to the side, groups up and down. */
function key(session, event) {
  const { key: name } = event;
  const groups = session.record?.groups?.length ?? 1;
  if (name === "ArrowLeft") session.move(-1);
  else if (name === "ArrowRight") session.move(1);
  else if (name === "ArrowUp") session.chooseGroup(Math.max(0, session.view.group - 1));
  else if (name === "ArrowDown") session.chooseGroup(Math.min(groups - 1, session.view.group + 1));
  else return;
  event.preventDefault();
}

/** "First well-formed: step 1", each a button that goes there. */
function drawFirsts(row, firsts, session) {
  const found = Object.entries(firsts);
  resize(row, found.length + 1, (i) =>
    i ? h("button", { type: "button", class: "lab-atlas-go" }) : h("span", {}, "First seen:"),
  );
  found.forEach(([name, { step, group, completion }], i) => {
    const button = row.childNodes[i + 1];
    setText(button, `${name}, step ${step}`);
    button.onclick = () => {
      session.chooseGroup(group);
      session.chooseToken(completion, 0, step);
    };
  });
}

/** Where this prompt came: once, or at these steps; the first well-formed one is marked. */
function drawPlaces(row, places, session) {
  const first = places.find((cell) => cell[5] > 0);
  const some = places.length > 1 ? places.slice(0, MOST_PLACES) : [];
  resize(row, some.length + 1, (i) =>
    i ? h("button", { type: "button", class: "lab-atlas-go" }) : h("span"),
  );
  const more = places.length - some.length;
  const rest =
    places.length > 1 && more > 0 ? ` (the first ${MOST_PLACES} of ${places.length})` : "";
  const words = places.length > 1 ? `This prompt came at${rest}:` : "This prompt came once so far.";
  setText(row.firstChild, places.length ? words : "");
  some.forEach((cell, i) => {
    const button = row.childNodes[i + 1];
    const mark = cell === first ? ", first well-formed" : "";
    const told = session.room.secret(session.shown, cell[0], cell[1]) ? "?" : number(cell[3], 2);
    setText(button, `step ${cell[0]}: ${told}${mark}`);
    setAttribute(button, "aria-current", cell[0] === session.record?.step ? "step" : null);
    button.onclick = () => go(session, cell);
  });
}
