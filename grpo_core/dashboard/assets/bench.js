/**
 * The bench: tools for the group that is shown, in a drawer at the foot of the page, so that cards
 * and tool are seen together. A new tool is one module and one line in TOOLS.
 *
 * A tool is {id, label, make(parent, session) -> update}; its update is called while it is open.
 */

import { compare } from "./compare.js";
import { h, setAttribute, setHidden } from "./dom.js";
import { fork } from "./fork.js";
import { formula } from "./formula.js";
import { microscope } from "./microscope.js";
import { whatIf } from "./whatif.js";

const TOOLS = [formula, whatIf, microscope, compare, fork];

/**
 * The bench panel.
 * @param {HTMLElement} parent
 * @param {import("./session.js").Session} session
 * @returns {() => void} update
 */
export function bench(parent, session) {
  const body = h("div", { class: "lab-bench-body", id: "lab-bench-body" });
  const wait = h("p", { class: "lab-bench-wait" }, "Hidden until the reveal.");
  const tabs = TOOLS.map((tool) => tab(tool, session));
  const section = h(
    "section",
    { class: "lab-panel lab-bench", "aria-label": "Bench: tools for this group" },
    h("div", { class: "lab-bench-tabs", role: "group", "aria-label": "Tools" }, ...tabs),
    wait,
    body,
  );
  const rooms = new Map(); // tool -> its element and its update, made when first opened
  parent.append(section);
  section.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.defaultPrevented || !session.view.tool) return;
    const button = tabs[TOOLS.findIndex(({ id }) => id === session.view.tool)];
    session.chooseTool(null);
    button.focus({ preventScroll: true });
  });
  return () => {
    const offered = TOOLS.filter((tool) => offers(session, tool));
    const open = offered.find(({ id }) => id === session.view.tool) ?? null;
    setHidden(section, session.steps.length === 0 || !offered.length);
    setAttribute(section, "data-open", open ? "" : null);
    TOOLS.forEach((tool, i) => {
      setHidden(tabs[i], !offered.includes(tool));
      setAttribute(tabs[i], "aria-expanded", String(tool === open));
    });
    const masked = Boolean(session.record?.masked);
    setHidden(wait, !open || !masked);
    setHidden(body, !open || masked);
    for (const [tool, { element }] of rooms) setHidden(element, tool !== open);
    if (!open || masked) return;
    if (!rooms.has(open)) {
      const element = h("div", { class: `lab-tool lab-tool-${open.id}` });
      body.append(element);
      rooms.set(open, { element, update: open.make(element, session) });
    }
    rooms.get(open).update();
  };
}

/** A link can leave tools out, and who only watches a class trains nothing. */
function offers(session, { id }) {
  return !session.hides(id) && !(id === "fork" && session.room.student);
}

function tab({ id, label }, session) {
  const act = () => session.chooseTool(session.view.tool === id ? null : id);
  return h(
    "button",
    {
      type: "button",
      class: "lab-button lab-tab",
      "aria-expanded": "false",
      "aria-controls": "lab-bench-body",
      onclick: act,
    },
    label,
  );
}
