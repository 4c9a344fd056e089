/**
 * The page's own wiring: one session, its two places on the page, and the buttons.
 *
 * The buttons are Gradio's; they have no function on Gradio's server. Each calls `grpoLab` here,
 * which posts to the one guarded API. Loaded by panels.py (the whole page) and shell.html.
 */

import { setAttribute } from "./dom.js";
import { connect, mount, mountRuns, Session } from "./lab.js";

const session = new Session(connect(new URL("lab/", document.baseURI)));
const filled = new WeakSet();
let recipe = null; // the experiment that filled the options

/** Put the live part into an element that says which with data-lab. */
export function fill(element) {
  if (!element || filled.has(element)) return;
  filled.add(element);
  if (element.dataset.lab === "runs") mountRuns(element, session);
  else mount(element, session);
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
  for (const button of document.querySelectorAll(".lab-recipe")) {
    setAttribute(button, "aria-pressed", String(button.id === `lab-recipe-${recipe}`));
  }
}

function enable(id, enabled) {
  const button = document.getElementById(id);
  if (button && button.disabled === enabled) button.disabled = !enabled;
}

globalThis.grpoLab = {
  session,
  /**
   * @param {string[]} names of GRPOConfig fields; one whose value is null keeps its default
   * @param {any[]} values of the fields, then the weights of the rewards
   * @param {string[]} rewards their names; one whose weight is 0 or null is left out
   */
  start(names, values, rewards = []) {
    const fields = names.map((name, i) => [name, values[i] ?? null]);
    const options = Object.fromEntries(fields.filter(([, value]) => value !== null));
    if (rewards.length) {
      const weights = rewards.map((name, i) => [name, values[names.length + i]]);
      const chosen = weights.filter(([, weight]) => weight);
      options.reward_funcs = chosen.map(([name]) => name);
      options.reward_weights = chosen.map(([, weight]) => weight);
    }
    if (recipe) options.recipe = recipe; // for those of its options that have no control
    session.start(options);
  },
  /** Fill the options by a recipe. @param {string} name @param {any[]} values of the controls */
  fill(name, values) {
    recipe = name;
    syncButtons();
    return values;
  },
  control: (want) => session.control(want),
};

session.subscribe(syncButtons);
setInterval(syncButtons, 300); // Gradio renders its buttons when it likes

for (const element of document.querySelectorAll("[data-lab]")) fill(element);

if (document.body.hasAttribute("data-shell")) {
  document.body.classList.toggle("dark", matchMedia("(prefers-color-scheme: dark)").matches);
  session.subscribe(() => {
    if (session.ready) location.reload();
  });
}
