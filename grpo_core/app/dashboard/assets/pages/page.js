/**
 * The page's own wiring: one session, its two places on the page, and the buttons.
 *
 * The buttons are Gradio's; they have no function on Gradio's server. Each calls `grpoLab` here,
 * which posts to the one guarded API. Loaded by panels.py (the whole page) and shell.html.
 */

import { setAttribute } from "../core/dom.js";
import { connect, mount, mountRuns, Session } from "./lab.js";
import { asOptions } from "../core/lesson.js";

const session = new Session(connect(new URL("lab/", document.baseURI)));
session.student = document.body.hasAttribute("data-class");
const filled = new WeakSet();
let experiment = null; // the experiment that filled the options
let linked = null; // the one that the link named
const before = new Map(); // name of a control -> what it showed before the link set it, and since
let brought = "{}"; // the link's settings that Gradio's controls show
let bring = null; // has Gradio ask what its controls should show, once its page is there

/**
 * Put the live part into an element that says which with data-lab.
 * @param {HTMLElement} element
 * @param {() => void} [ask] of Gradio's page: tells it to ask for the link's options
 */
export function fill(element, ask) {
  if (element?.dataset.lab === "runs" && ask) listen(ask);
  if (!element || filled.has(element)) return;
  filled.add(element);
  if (element.dataset.lab === "runs") mountRuns(element, session);
  else mount(element, session);
}

/** Gradio's page is there: know how to have it ask, and follow what it renders when it likes. */
function listen(ask) {
  const first = bring === null;
  bring = ask;
  if (!first) return;
  const side = { childList: true, subtree: true, attributes: true, attributeFilter: ["disabled"] };
  new MutationObserver(syncButtons).observe(document.getElementById("lab-side"), side);
  syncButtons();
}

/** Which of Gradio's buttons can do something now; they are rendered disabled. */
function syncButtons() {
  const run = session.run;
  const mine = run && !run.recorded;
  const live = Boolean(mine && run.live);
  const halted = Boolean(mine && ["paused", "lost", "stopped", "failed"].includes(run.status));
  const online = session.connection === "open";
  enable("lab-start", online && !session.live && session.pending !== "start");
  enable("lab-pause", online && live && run.status !== "paused");
  enable("lab-resume", online && halted);
  enable("lab-step", online && live);
  enable("lab-stop", online && live);
  setAttribute(document.body, "data-lab-halted", String(halted));
  for (const arrow of document.querySelectorAll(".dropdown-arrow:not([aria-hidden])")) {
    arrow.setAttribute("aria-hidden", "true"); // Gradio's, without a name
  }
  for (const button of document.querySelectorAll(".lab-experiment")) {
    setAttribute(button, "aria-pressed", String(button.id === `lab-experiment-${experiment}`));
  }
}

function enable(id, enabled) {
  const button = /** @type {HTMLButtonElement|null} */ (document.getElementById(id));
  if (button && button.disabled === enabled) button.disabled = !enabled;
}

/** Leave out what the link hides of Gradio's part, and the side column when nothing is left of it. */
function syncHidden() {
  const { hidden } = session.view;
  document.body.dataset.labHides = hidden.join(" ");
  const column = ["runs", "controls", "options"];
  const empty = column.every((part) => hidden.includes(part));
  document.body.toggleAttribute("data-lab-wide", empty);
}

/** Bring what the link sets to Gradio's controls, whenever it is another than they were given. */
function syncSettings() {
  const now = JSON.stringify(session.view.settings);
  if (now === brought || !bring) return; // when it comes, Gradio's page asks by itself
  brought = now; // at once: asked twice, both would be given the values of before
  bring();
}

globalThis.grpoLab = {
  session,
  /**
   * What the controls of the next run should show: the link's values over its experiment's, and
   * both over their own.
   * @param {string[]} names of GRPOConfig fields
   * @param {any[]} values of the fields, then the weights of the rewards
   * @param {string[]} rewards their names
   * @param {Object<string, any[]>} experiments name of an experiment -> values of all controls
   */
  prefill(names, values, rewards, experiments) {
    const { settings } = session.view;
    brought = JSON.stringify(settings);
    const controls = [...names, ...rewards];
    const known = Object.hasOwn(experiments, settings.experiment) ? experiments[settings.experiment] : [];
    const given = {
      ...Object.fromEntries(known.map((value, i) => [controls[i], value])),
      ...asOptions(settings),
    };
    if (known.length) experiment = linked = settings.experiment;
    else if (experiment === linked) experiment = linked = null;
    syncButtons();
    return controls.map((name, i) => {
      const since = before.get(name);
      const untouched = since !== undefined && values[i] === since.set;
      const own = untouched ? since.own : values[i]; // what somebody typed since is their own
      if (name in given) before.set(name, { own, set: given[name] });
      else before.delete(name);
      return given[name] ?? own;
    });
  },
  /**
   * @param {string[]} names of GRPOConfig fields; one whose value is null keeps its default
   * @param {any[]} values of the fields, then the weights of the rewards
   * @param {string[]} rewards their names; one whose weight is 0 or null is left out
   */
  start(names, values, rewards = []) {
    const fields = names.map((name, i) => [name, values[i] ?? null]);
    const shown = Object.fromEntries(fields.filter(([, value]) => value !== null));
    const given = Object.entries(asOptions(session.view.settings));
    const others = given.filter(([name]) => ![...names, ...rewards].includes(name));
    const options = { ...Object.fromEntries(others), ...shown }; // what has no control, the link sets
    if (rewards.length) {
      const weights = rewards.map((name, i) => [name, values[names.length + i]]);
      const chosen = weights.filter(([, weight]) => weight);
      options.reward_funcs = chosen.map(([name]) => name);
      options.reward_weights = chosen.map(([, weight]) => weight);
    }
    if (experiment) options.experiment = experiment; // for those of its options that have no control
    session.start(options);
  },
  /** Fill the options by an experiment. @param {string} name @param {any[]} values of the controls */
  fill(name, values) {
    experiment = name;
    syncButtons();
    return values;
  },
  control: (want) => session.control(want),
  /** How many of the controls show a value that the link set. */
  brought: () => before.size,
};

session.subscribe(syncButtons);
session.subscribe(syncHidden);
session.subscribe(syncSettings);

for (const element of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-lab]"))) fill(element);

// Not Gradio's page: one that waits for it, or a student's, who gets none.
if (document.body.matches("[data-shell], [data-class]")) {
  document.body.classList.toggle("dark", matchMedia("(prefers-color-scheme: dark)").matches);
}

if (document.body.hasAttribute("data-shell")) {
  session.subscribe(() => {
    if (session.ready) location.reload();
  });
}

let asking = false;

/** Who is not of the class any more, because removed or because it is over, may join again. */
async function askWhoIAm() {
  if (session.connection !== "lost" || asking) return;
  asking = true;
  const answer = await fetch(new URL("lab/status", document.baseURI)).catch(() => null);
  asking = false;
  if (answer?.status !== 401) return;
  location.replace(new URL("join", document.baseURI).href + location.hash);
}

session.subscribe(askWhoIAm); // a connection that is tried again and lost again is a change, too
