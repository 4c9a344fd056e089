/**
 * One line about what matters now: what failed, what is loading, how far training is. There is
 * always one, so that nothing below moves when it changes.
 */

import { h, setAttribute, setHidden, setStyle, setText } from "./dom.js";
import { duration, inline } from "./format.js";
import { secondsLeft } from "./pace.js";
import { tourSeen } from "./tour.js";

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
  const meter = h(
    "span",
    { class: "lab-meter", role: "progressbar", "aria-label": "Steps done", "aria-valuemin": 0, "aria-valuemax": 100 },
    done,
  );
  const element = h("div", { class: "lab-notice", role: "status" }, text, meter, button);
  let act = () => {};
  parent.append(element);
  const clock = new Clock(session);
  setInterval(() => session.run?.status === "running" && update(), 1000); // time goes on in a long step
  return update;

  function update() {
    const now = current(session, clock.seconds());
    setText(text, now.text);
    setAttribute(element, "data-kind", now.kind);
    setAttribute(element, "aria-live", now.kind === "progress" ? "off" : "polite");
    setHidden(meter, now.done === undefined);
    setStyle(done, `width:${(100 * (now.done ?? 0)).toFixed(1)}%`);
    setAttribute(meter, "aria-valuenow", Math.round(100 * (now.done ?? 0)));
    setHidden(button, !now.button);
    setText(button, now.button ?? "");
    act = now.act ?? act;
  }
}

/** Seconds since the last step came, as far as this page has seen. */
class Clock {
  constructor(session) {
    this.session = session;
    this.step = null; // which step of which run in which state it was
    this.since = 0;
  }

  seconds() {
    const { run, lastStep } = this.session;
    const step = `${run?.key} ${run?.status} ${lastStep}`;
    if (step !== this.step) this.since = performance.now();
    this.step = step;
    return (performance.now() - this.since) / 1000;
  }
}

/**
 * @param {number} since the last step came, in seconds
 * @returns {{kind: string, text: string, button?: string, act?: () => void, done?: number}}
 */
function current(session, since) {
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
    const done = run.step ? run.step / (run.config.max_steps || run.step) : undefined;
    return { kind: "wait", done, text: "Starting: loading torch and the model takes some seconds ..." };
  }
  if (run.live && !session.steps.length) {
    return { kind: "wait", text: "First it measures the untrained model on held-out problems ..." };
  }
  if (live && live.key !== run.key) {
    const act = () => session.chooseRun(live.key);
    return { kind: "note", text: `${inline(live.name)} is training now.`, button: "Watch it", act };
  }
  if (run.recorded) {
    const seed = run.config.seed ?? "unknown";
    const text = `Recorded run, seed ${seed}${may ? " - press Start to train your own" : ""}.`;
    if (session.view.tour || session.hides("tour") || tourSeen()) return { kind: "note", text };
    const act = () => session.chooseTour(1);
    return { kind: "note", text, button: "New here? A tour of one minute", act };
  }
  return progress(session, may, since);
}

/** How far a run of one's own is, and how long the rest will take. */
function progress(session, may, since) {
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
  if (at >= planned) return { kind, done, text: `Step ${at} of ${planned} is done: saving the model ...` };
  const [steps, evaluations] = ["step", "eval"].map((name) => session.series(`seconds/${name}`) ?? []);
  const rest = secondsLeft(at, planned, run.config.eval_steps, steps, evaluations);
  // never nothing while there is a step to come
  const left = rest === null ? "" : `, about ${duration(Math.max(rest - since, 1))} left`;
  return { kind, done, text: `Training: step ${at} of ${planned}${left}.` };
}
