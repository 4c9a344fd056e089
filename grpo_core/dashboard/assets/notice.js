/** One line about what matters now: what failed, what is loading, that this is a recording. */

import { h, setAttribute, setHidden, setText } from "./dom.js";

/**
 * The notice panel.
 * @param {HTMLElement} parent
 * @param {import("./session.js").Session} session
 * @returns {() => void} update
 */
export function notice(parent, session) {
  const text = h("span");
  const button = h("button", { type: "button", class: "lab-button", onclick: () => act() });
  const element = h("div", { class: "lab-notice", role: "status" }, text, button);
  let act = () => {};
  parent.append(element);
  return () => {
    const now = current(session);
    setHidden(element, !now);
    if (!now) return;
    setText(text, now.text);
    setAttribute(element, "data-kind", now.kind);
    setHidden(button, !now.button);
    setText(button, now.button ?? "");
    act = now.act ?? act;
  };
}

/** @returns {{kind: string, text: string, button?: string, act?: () => void}|null} */
function current(session) {
  const { run, live } = session;
  if (session.notice) {
    const act = () => session.dismiss();
    return { kind: "error", text: session.notice, button: "Dismiss", act };
  }
  if (session.connection === "lost") {
    return { kind: "wait", text: "The connection to the dashboard is lost; trying again ..." };
  }
  if (!session.listed) return { kind: "wait", text: "Connecting ..." };
  if (!run) return { kind: "note", text: "No run yet: press Start to train one." };
  if (run.status === "lost") {
    const text = "The process that trained this run is gone: press Resume to go on where it was.";
    return { kind: "error", text };
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
    return { kind: "note", text: `${live.name} is training now.`, button: "Watch it", act };
  }
  if (run.recorded) {
    const seed = run.config.seed ?? "unknown";
    return { kind: "note", text: `Recorded run, seed ${seed} - press Start to train your own.` };
  }
  return null;
}
