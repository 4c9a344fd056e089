/** Predict, then reveal: the question, the tallies and the answer, for teacher and students. */

import { showsTallies } from "./ballot.js";
import { h, resize, setAttribute, setHidden, setStyle, setText } from "./dom.js";

const QUESTIONS = {
  advantage: "Which completion gets the highest advantage?",
  teaches: "Does this group teach anything?",
};
const ANSWERS = ["Yes, it teaches", "No, all rewards tie"];

/**
 * @param {HTMLElement} parent
 * @param {import("./session.js").Session} session
 * @returns {() => void} update
 */
export function question(parent, session) {
  const { room } = session;
  const ui = build(room);
  parent.append(ui.ask, ui.element);
  let shown = null; // the poll that was drawn last
  return () => {
    const { poll } = room;
    const place = session.record?.groups?.length ? session.record : null;
    setHidden(ui.ask, !room.teacher || Boolean(poll));
    for (const button of ui.ask.querySelectorAll("button")) button.disabled = !place;
    setHidden(ui.element, !poll);
    const news = poll && poll.id !== shown && room.student;
    shown = poll?.id ?? null;
    if (!poll) return;
    setText(ui.title, QUESTIONS[poll.kind] ?? "");
    setText(ui.place, `Step ${poll.step}, group ${poll.group + 1}`);
    setText(ui.state, stateWords(room));
    setAttribute(ui.element, "data-state", poll.state);
    drawChoices(ui, room);
    drawTallies(ui, room);
    drawButtons(ui, session);
    if (news) ui.element.scrollIntoView({ block: "nearest" });
  };
}

function build(room) {
  const ui = {
    title: h("h3", { class: "lab-class-question" }),
    place: h("span", { class: "lab-class-place" }),
    state: h("p", { class: "lab-class-state", role: "status" }),
    choices: h("div", { class: "lab-class-choices", role: "group", "aria-label": "Your vote" }),
    tallies: h("div", { class: "lab-class-tallies", role: "img" }),
    discreet: h("input", { type: "checkbox" }),
  };
  const button = (text, act, name = "lab-button") =>
    h("button", { type: "button", class: name, onclick: act }, text);
  const end = (want) => () => room.wish(`poll/${encodeURIComponent(room.poll.id)}`, { want });
  ui.ask = h(
    "div",
    { class: "lab-class-row", role: "group", "aria-label": "Predict, then reveal" },
    ...Object.entries(QUESTIONS).map(([kind, words]) =>
      button(`Ask: ${words[0].toLowerCase()}${words.slice(1)}`, () => room.ask(kind)),
    ),
  );
  ui.visit = button("Go to the question", () => room.visit());
  ui.close = button("Close the vote", end("close"));
  ui.reveal = button("Reveal", end("reveal"), "lab-button lab-class-main");
  ui.end = button("End", end("end"));
  ui.discreet.addEventListener("change", () => {
    room.discreet = ui.discreet.checked;
    room.session.touch();
  });
  ui.quiet = h("label", { class: "lab-class-tick" }, ui.discreet, "Hide the tallies on this page");
  ui.buttons = h("div", { class: "lab-class-row" }, ui.visit, ui.close, ui.reveal, ui.end, ui.quiet);
  ui.element = h(
    "div",
    { class: "lab-class-poll" },
    h("div", { class: "lab-class-row" }, ui.title, ui.place),
    ui.choices,
    ui.tallies,
    ui.state,
    ui.buttons,
  );
  return ui;
}

/** What is going on, in one sentence; to a student, how the own vote did. */
function stateWords(room) {
  const { poll, message } = room;
  const of = `${poll.voted} of ${message.people} voted`;
  if (room.teacher) {
    if (poll.state === "open") return `${of}. The board is masked until the reveal.`;
    return poll.state === "closed" ? `The vote is closed: ${of}.` : `${answer(poll)} ${of}.`;
  }
  const mine = poll.mine === null ? null : choiceName(poll, poll.mine);
  if (poll.state === "open") {
    if (mine !== null) return `You chose: ${mine}. You may change it until the vote closes.`;
    return poll.kind === "advantage" ? "Choose a card: click it, or press Enter on it." : "Choose:";
  }
  if (poll.state === "closed") {
    return mine === null ? "The vote is closed." : `The vote is closed. You chose: ${mine}.`;
  }
  if (mine === null) return answer(poll);
  return poll.right.includes(poll.mine) ? `Right! ${answer(poll)}` : `Not this time. ${answer(poll)}`;
}

function choiceName(poll, choice) {
  return poll.kind === "teaches" ? ANSWERS[choice] : `completion ${choice + 1}`;
}

/** "Completion 3 has the highest advantage." */
function answer({ kind, right }) {
  if (kind === "teaches") {
    return right.includes(0)
      ? "It teaches: its rewards differ."
      : "It teaches nothing: all its rewards tie.";
  }
  const names = right.map((choice) => choice + 1);
  if (names.length === 1) return `Completion ${names[0]} has the highest advantage.`;
  const few = names.length <= 6;
  const list = `${names.slice(0, -1).join(", ")} and ${names[names.length - 1]}`;
  return `${few ? `Completions ${list}` : `${names.length} completions`} share the highest advantage.`;
}

/** Two buttons for yes or no; cards are choices by themselves. */
function drawChoices(ui, room) {
  const { poll } = room;
  const shown = room.student && poll.kind === "teaches" && poll.state === "open";
  setHidden(ui.choices, !shown);
  if (!shown) return;
  resize(ui.choices, ANSWERS.length, (i) => {
    const act = () => room.wish("vote", { poll: room.poll.id, choice: i });
    return h("button", { type: "button", class: "lab-button lab-class-choice", onclick: act }, ANSWERS[i]);
  });
  ANSWERS.forEach((_, i) => setAttribute(ui.choices.childNodes[i], "aria-pressed", String(poll.mine === i)));
}

/** One bar a choice: how many chose it. */
function drawTallies(ui, room) {
  const { poll } = room;
  const shown = showsTallies(room);
  setHidden(ui.tallies, !shown);
  if (!shown) return;
  const teaches = poll.kind === "teaches";
  setAttribute(ui.tallies, "data-kind", poll.kind);
  const most = Math.max(1, ...poll.tallies);
  resize(ui.tallies, poll.tallies.length, (i) =>
    h("div", { class: "lab-tally" }, h("b"), h("span", { class: "lab-tally-bar" }, h("i")), h("span")),
  );
  poll.tallies.forEach((count, i) => {
    const bar = ui.tallies.childNodes[i];
    setText(bar.childNodes[0], String(count));
    setStyle(bar.childNodes[1].firstChild, `--share:${Math.round((100 * count) / most)}%`);
    setText(bar.childNodes[2], teaches ? ANSWERS[i] : String(i + 1));
    const right = poll.state === "revealed" && poll.right.includes(i);
    setAttribute(bar, "data-right", right ? "" : null);
    setAttribute(bar, "data-mine", poll.mine === i ? "" : null);
  });
  const words = poll.tallies.map((count, i) => `${choiceName(poll, i)}: ${count}`);
  setAttribute(ui.tallies, "aria-label", `Votes. ${words.join(", ")}`);
}

function drawButtons(ui, session) {
  const { room } = session;
  const { poll } = room;
  setHidden(ui.visit, room.at(poll));
  setHidden(ui.close, !room.teacher || poll.state !== "open");
  setHidden(ui.reveal, !room.teacher || poll.state === "revealed");
  setHidden(ui.end, !room.teacher);
  setHidden(ui.quiet, !room.teacher || poll.state === "revealed");
  if (ui.discreet.checked !== room.discreet) ui.discreet.checked = room.discreet;
}
