/** Which run and which moment is shown: name, status, the slider through its steps, the replay. */

import { h, setAttribute, setHidden, setText } from "./dom.js";
import { duration, number, rewardSum } from "./format.js";
import { shareButton } from "./link.js";
import { shareMenu } from "./share.js";

/** What a status means, for people. */
export const STATUS = {
  starting: "starting",
  running: "training",
  paused: "paused",
  finished: "finished",
  stopped: "stopped",
  failed: "failed",
  lost: "interrupted",
};

const PENDING = {
  start: "starting ...",
  pause: "pausing after this step ...",
  step: "making one step ...",
  stop: "stopping after this step ...",
  run: "resuming ...",
};

/**
 * The timeline panel.
 * @param {HTMLElement} parent
 * @param {import("./session.js").Session} session
 * @returns {() => void} update
 */
export function timeline(parent, session) {
  const ui = build(parent, session);
  setInterval(() => setText(ui.time, timeText(session)), 1000);
  return () => {
    const run = session.run;
    setHidden(ui.section, !run);
    if (ui.share) setHidden(ui.share, session.room.student); // the server refuses them
    if (!run) return;
    setText(ui.name, run.name);
    setText(ui.facts, factsText(run.config));
    setText(ui.status, run.recorded ? "recorded" : (STATUS[run.status] ?? run.status));
    setAttribute(ui.status, "data-status", run.recorded ? "recorded" : run.status);
    setText(ui.time, timeText(session));
    updateSlider(ui, session);
  };
}

function build(parent, session) {
  const button = (text, name, act) =>
    h("button", { type: "button", class: "lab-button", "aria-label": name, onclick: act }, text);
  const ui = {
    name: h("h2", { class: "lab-run-name" }),
    status: h("span", { class: "lab-status", role: "status" }),
    facts: h("span", { class: "lab-facts" }),
    time: h("span", { class: "lab-time" }),
    back: button("Back", "One step back", () => session.move(-1)),
    next: button("Next", "One step on", () => session.move(1)),
    slider: h("input", { type: "range", min: 0, step: 1, "aria-label": "Step shown" }),
    step: h("output", { class: "lab-step" }),
    share: shareMenu(session),
  };
  ui.play = button("Replay", "Play the steps", () =>
    session.playing ? session.hold() : session.play(),
  );
  ui.live = button("Live", "Go with the run", () => session.follow());
  ui.slider.addEventListener("input", () => {
    session.goTo(session.steps[Number(ui.slider.value)]);
  });
  ui.section = h(
    "section",
    { class: "lab-panel lab-timeline", "aria-label": "Run and step" },
    h("div", { class: "lab-run-line" }, ui.name, ui.status, ui.facts, ui.time, ui.share),
    (ui.travel = h(
      "div",
      { class: "lab-travel" },
      ui.play,
      ui.back,
      ui.slider,
      ui.next,
      ui.step,
      ui.live,
      session.source.download ? shareButton(session) : null, // a file has no address to give on
    )),
  );
  parent.append(ui.section);
  return ui;
}

function updateSlider(ui, session) {
  const count = session.steps.length;
  setAttribute(ui.travel, "data-empty", count === 0 ? "" : null); // its room stays
  if (!count) return;
  const at = Math.max(0, session.steps.indexOf(session.step));
  setAttribute(ui.slider, "max", count - 1);
  if (ui.slider.value !== String(at)) ui.slider.value = at;
  const planned = session.run.config.max_steps ?? session.lastStep;
  setText(ui.step, `step ${session.step} of ${Math.max(planned, session.lastStep)}`);
  setAttribute(ui.slider, "aria-valuetext", `step ${session.step}`);
  setText(ui.play, session.playing ? "Hold" : "Replay");
  setAttribute(ui.play, "aria-label", session.playing ? "Hold the replay" : "Play the steps");
  const live = session.run.live;
  setText(ui.live, live ? "Live" : "Last");
  setAttribute(ui.live, "aria-label", live ? "Go with the run" : "Go to the last step");
  setAttribute(ui.live, "aria-pressed", String(session.following));
}

function timeText(session) {
  if (session.connection === "lost") return "connection lost: trying again ...";
  if (session.pending) return PENDING[session.pending] ?? "";
  const run = session.run;
  const elapsed = session.elapsed;
  if (!run || elapsed === null || run.recorded) return "";
  if (run.status === "starting") return `loading torch and the model: ${duration(elapsed)}`;
  if (!run.ended) return duration(elapsed);
  return elapsed < 0.5 ? "" : `took ${duration(elapsed)}`; // made at once of what was there
}

/** A number and what it is, null where it is not known: another program's run may not say. */
function known(name, value) {
  if (value === undefined) return null;
  return `${name} ${Number.isInteger(value) ? value : number(value)}`;
}

function factsText(config) {
  const facts = [
    config.task,
    config.model?.split("/").pop(),
    known("seed", config.seed),
    known("G", config.num_generations),
    known("learning rate", config.learning_rate),
    known("beta", config.beta),
    config.reward_funcs && `reward ${rewardSum(config)}`,
  ];
  return facts.filter(Boolean).join(" · ");
}
