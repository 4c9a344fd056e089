/**
 * One line about what matters now: what failed, what is loading, how far training is. There is
 * always one, so that nothing below moves when it changes.
 */

import { h, setAttribute, setHidden, setText } from "./dom.js";
import { duration, inline } from "./format.js";
import { tourSeen } from "./tour.js";

const WINDOW = 10; // steps whose seconds tell how long the rest will take

/**
 * The notice panel.
 * @param {HTMLElement} parent
 * @param {import("./session.js").Session} session
 * @returns {() => void} update
 */
export function notice(parent, session) {
  const text = h("span");
  const button = h("button", { type: "button", class: "lab-button", onclick: () => act() });
  const done = h("i");
  const meter = h("span", { class: "lab-meter", "aria-hidden": "true" }, done);
  const element = h("div", { class: "lab-notice", role: "status" }, text, meter, button);
  let act = () => {};
  parent.append(element);
  return () => {
    const now = current(session);
    setText(text, now.text);
    setAttribute(element, "data-kind", now.kind);
    setAttribute(element, "aria-live", now.kind === "progress" ? "off" : "polite");
    setHidden(meter, now.done === undefined);
    setAttribute(done, "style", `width:${(100 * (now.done ?? 0)).toFixed(1)}%`);
    setHidden(button, !now.button);
    setText(button, now.button ?? "");
    act = now.act ?? act;
  };
}

/** @returns {{kind: string, text: string, button?: string, act?: () => void, done?: number}} */
function current(session) {
  const { run, live } = session;
  const may = !session.room.student; // who only watches is not told which button to press
  if (session.notice) {
    const act = () => session.dismiss();
    return { kind: "error", text: session.notice, button: "Dismiss", act };
  }
  if (session.connection === "lost") {
    return { kind: "wait", text: "The connection to the dashboard is lost; trying again ..." };
  }
  if (!session.listed) return { kind: "wait", text: "Connecting ..." };
  if (!run) return { kind: "note", text: `No run yet${may ? ": press Start to train one" : ""}.` };
  if (run.status === "lost") {
    const text = "The process that trained this run is gone";
    return { kind: "error", text: `${text}${may ? ": press Resume to go on where it was" : ""}.` };
  }
  if (run.problem) return { kind: "error", text: run.problem };
  if (run.status === "starting") {
    return { kind: "wait", text: "Starting: loading torch and the model takes some seconds ..." };
  }
  if (run.live && !session.steps.length) {
    return { kind: "wait", text: "Training has begun: the first step is on its way ..." };
  }
  if (live && live.key !== run.key) {
    const act = () => session.chooseRun(live.key);
    return { kind: "note", text: `${inline(live.name)} is training now.`, button: "Watch it", act };
  }
  if (run.recorded) {
    const seed = run.config.seed ?? "unknown";
    const text = `Recorded run, seed ${seed}${may ? " - press Start to train your own" : ""}.`;
    if (session.view.tour || tourSeen()) return { kind: "note", text };
    const act = () => session.chooseTour(1);
    return { kind: "note", text, button: "New here? A tour of one minute", act };
  }
  return progress(session, may);
}

/** How far a run of one's own is, and how long the rest will take. */
function progress(session, may) {
  const { run } = session;
  const planned = run.config.max_steps ?? run.step ?? 0;
  const at = run.step ?? 0;
  const done = planned ? Math.min(1, at / planned) : 0;
  const kind = "progress";
  if (run.status === "finished") return { kind, done, text: `Finished after step ${at}.` };
  if (run.status === "stopped") {
    return { kind, done, text: `Stopped after step ${at}${may ? ": press Resume to go on" : ""}.` };
  }
  if (run.status === "paused") {
    return { kind, done, text: `Paused after step ${at}${may ? ": Step makes one more, Resume goes on" : ""}.` };
  }
  const recent = (session.series("seconds/step") ?? []).slice(-WINDOW).filter((s) => s !== null);
  const each = recent.reduce((a, b) => a + b, 0) / recent.length;
  const left = recent.length ? `, about ${duration(each * (planned - at))} left` : "";
  return { kind, done, text: `Training: step ${at} of ${planned}${left}.` };
}
