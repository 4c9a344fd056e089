/**
 * The class panel. A teacher's has the code, who is here, the lead, questions and the hunt; a
 * student's has the own name, whether the page follows, the question and the score. On the wall it
 * is read from the last row: code, question and tallies are large.
 */

import { door } from "./door.js";
import { h, setAttribute, setHidden, setText } from "./dom.js";
import { hunt } from "./hunt.js";
import { question } from "./question.js";
import { arrange } from "./sort.js";

/**
 * The class panel; hidden where there is no class.
 * @param {HTMLElement} parent
 * @param {import("./session.js").Session} session
 * @returns {() => void} update
 */
export function classroom(parent, session) {
  const { room } = session;
  const title = h("h2", { class: "lab-class-title" });
  const here = h("span", { class: "lab-class-here" });
  const head = h("div", { class: "lab-class-head" }, title, here);
  const problem = h("p", { class: "lab-class-problem", role: "alert" });
  const section = h("section", { class: "lab-panel lab-class", "aria-label": "Class" }, head);
  const work = h("div", { class: "lab-class-work" });
  const parts = [join(section, session), door(section, session)];
  section.append(problem, work);
  parts.push(follow(work, session), question(work, session), hunt(work, session), results(work, room));
  parent.append(section);
  return () => {
    const { message } = room;
    setHidden(section, !message && !session.student);
    if (!message) {
      setText(title, "Joining the class ...");
      return setHidden(work, true);
    }
    setHidden(work, false);
    setAttribute(section, "data-role", message.role);
    setText(title, message.title || "Class");
    setText(here, room.teacher ? `${message.here} of ${message.people} here` : `You are ${message.you.name}`);
    setHidden(problem, !room.problem);
    setText(problem, room.problem ?? "");
    for (const update of parts) update();
  };
}

/** Code and address, large; QR code and names on demand. */
function join(section, session) {
  const { room } = session;
  const code = h("b", { class: "lab-class-code" });
  const address = h("span", { class: "lab-class-url" });
  const more = h(
    "button",
    { type: "button", class: "lab-button", "aria-expanded": "false", onclick: () => flip() },
    "QR code and names",
  );
  const picture = h("img", { class: "lab-class-qr", alt: "QR code of the address to join at" });
  const list = h("ul", { class: "lab-class-people", "aria-label": "People of the class" });
  const none = h("p", { class: "lab-muted" }, "Nobody has joined yet.");
  const drawer = h("div", { class: "lab-class-drawer" }, picture, h("div", {}, none, list));
  drawer.hidden = true;
  const line = h("div", { class: "lab-class-join" }, address, code, more);
  section.append(line, drawer);
  let asked = null;

  function flip() {
    drawer.hidden = !drawer.hidden;
    setAttribute(more, "aria-expanded", String(!drawer.hidden));
    paint();
    session.touch();
  }

  /** The QR code, which has the class code in it. */
  function paint() {
    const { code } = room.message.join;
    if (drawer.hidden || picture.dataset.code === code) return;
    picture.dataset.code = code;
    picture.src = new URL(`lab/class/qr.svg?of=${code}`, document.baseURI);
  }

  async function ask() {
    const answer = await session.source.get("class/people");
    const people = Array.isArray(answer) ? answer : (answer?.people ?? []);
    setHidden(none, people.length > 0);
    const kept = new Map([...list.children].map((item) => [item.dataset.id, item]));
    const items = people.map((person) => kept.get(person.id) ?? member(person, room));
    people.forEach((person, i) => setAttribute(items[i], "data-here", String(Boolean(person.here))));
    for (const item of kept.values()) if (!items.includes(item)) item.remove();
    arrange(list, items); // the others stay where they are: one may be about to be removed
  }

  return () => {
    const { message } = room;
    setHidden(line, !room.teacher);
    if (!room.teacher || !message.join) return;
    setText(code, message.join.code.replace(/^(...)(...)$/, "$1 $2")); // as it is read aloud
    paint();
    const { url } = message.join;
    setText(address, url?.replace(/^https?:\/\//, "") ?? "No network: nobody else can join.");
    const now = `${message.people} ${message.here}`;
    if (!drawer.hidden && now !== asked) {
      asked = now;
      ask();
    }
  };
}

/** One name, and the way to remove it, which asks once more. */
function member({ id, name }, room) {
  const remove = h("button", { type: "button", class: "lab-class-remove", onclick: () => act() }, "Remove");
  let sure = false;
  const calm = () => ((sure = false), setText(remove, "Remove"));
  const act = () => {
    if (sure) return room.wish("remove", { id });
    sure = true;
    setText(remove, "Really remove?");
  };
  remove.addEventListener("blur", calm);
  setAttribute(remove, "aria-describedby", `lab-person-${id}`);
  const words = h("span", { id: `lab-person-${id}`, dir: "auto" }, name);
  return h("li", { "data-id": id }, words, remove);
}

/** Teacher: lead or not. Student: follow or look around. */
function follow(section, session) {
  const { room } = session;
  const said = h("span", { role: "status" });
  const button = h("button", { type: "button", class: "lab-button", onclick: () => act() });
  const line = h("div", { class: "lab-class-row lab-class-follow" }, button, said);
  section.append(line);
  let act = () => {};
  return () => {
    const led = Boolean(room.message.focus);
    setHidden(line, room.student && !led);
    setAttribute(button, "aria-pressed", room.teacher ? String(room.leading) : null);
    if (room.teacher) {
      setText(button, led && !room.leading ? "Lead from this tab" : "Follow me");
      const words = room.leading ? "Every student's page goes where this one goes." : "";
      setText(said, led && !room.leading ? "Another of your tabs leads." : words);
      act = () => room.lead(!room.leading);
    } else {
      setText(button, room.detached ? "Follow again" : "Detach");
      const alone = "You look around by yourself.";
      setText(said, room.detached ? alone : "Your page follows the teacher's.");
      act = () => (room.detached ? room.rejoin() : room.detach());
    }
  };
}

/** The class's results as a file, for the teacher. */
function results(parent, room) {
  const href = new URL("lab/class/results.csv", document.baseURI);
  const link = h("a", { class: "lab-class-csv", href, download: "" }, "Download results (CSV)");
  parent.append(link);
  return () => setHidden(link, !room.teacher);
}
