/**
 * The door of a class, on the teacher's page: open or closed, another code, students who were taken
 * out, and addresses that are at their limit.
 */

import { h, setAttribute, setHidden, setText } from "./dom.js";

const SURE = 4000; // milliseconds in which the second press counts

/**
 * @param {HTMLElement} section the class panel
 * @param {import("./session.js").Session} session
 * @returns {() => void} update
 */
export function door(section, session) {
  const { room } = session;
  const said = h("span", { role: "status", class: "lab-door-state" });
  const move = h("button", { type: "button", class: "lab-button", onclick: () => turn() });
  const code = h("button", { type: "button", class: "lab-button", onclick: () => change() });
  const row = h("div", { class: "lab-class-row lab-door" }, move, code, said);
  const notes = h("ul", { class: "lab-door-notes", "aria-label": "Notes about the door" });
  section.append(row, notes);
  let sure = 0;
  let listed = "";

  const turn = () => room.wish("door", { open: !room.message.door.open });
  const calm = () => {
    clearTimeout(sure);
    sure = 0;
    setText(code, "New code, keep the members");
  };

  /** Asks once more: the code on the wall stops working. */
  async function change() {
    if (!sure) {
      sure = setTimeout(calm, SURE);
      return setText(code, "Really replace the code?");
    }
    calm();
    const answer = await room.wish("code", {});
    if (!answer.error) setText(said, "There is a new code. The old one lets nobody in.");
  }

  code.addEventListener("blur", calm);
  calm();

  return () => {
    const { door } = room.message;
    setHidden(row, !room.teacher || !door);
    setHidden(notes, !room.teacher || !door);
    if (!room.teacher || !door) return;
    setText(move, door.open ? "Close the door" : "Open the door");
    const was = row.dataset.open;
    setAttribute(row, "data-open", String(door.open));
    if (was !== String(door.open)) {
      setText(said, door.open ? "" : "The door is closed: members stay, nobody new can join.");
    }
    const now = JSON.stringify([door.full, door.out]);
    if (now === listed) return;
    listed = now;
    notes.replaceChildren(
      ...door.full.map((address) => full(address, room)),
      ...door.out.map((person) => out(person, room)),
    );
  };
}

/** An address at its limit. */
function full(address, room) {
  const words = `${address} is at its limit of connections or places.`;
  const label = `Allow ${address} twice as many`;
  const act = () => room.wish("allow", { address });
  const button = h("button", { type: "button", class: "lab-button", "aria-label": label, onclick: act }, "Allow more");
  return h("li", {}, h("span", {}, words), button);
}

/** Somebody who was taken out. */
function out({ id, name }, room) {
  const words = h("span", {}, h("bdi", {}, name), " was taken out and cannot rejoin for half an hour.");
  const act = () => room.wish("readmit", { id });
  const label = `Let ${name} in again`;
  const button = h("button", { type: "button", class: "lab-button", "aria-label": label, onclick: act }, "Let in again");
  return h("li", {}, words, button);
}
