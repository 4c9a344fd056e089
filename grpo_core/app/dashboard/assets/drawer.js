/**
 * A drawer of tools at the foot of a page, so that what they are about and the tool are seen
 * together; one of them is open at a time. The bench is one (bench.js), a page that was shared has
 * another (replay.js).
 *
 * A tool is {id, label, make(parent, session) -> update}; its update is called while it is open.
 */

import { h, setAttribute, setHidden } from "./dom.js";

/**
 * A panel with some tools.
 * @param {object[]} tools
 * @returns {(parent: HTMLElement, session: import("./session.js").Session) => () => void}
 */
export function drawer(tools) {
  return (parent, session) => build(tools, parent, session);
}

function build(tools, parent, session) {
  const body = h("div", { class: "lab-bench-body", id: "lab-bench-body" });
  const wait = h("p", { class: "lab-bench-wait" }, "Hidden until the reveal.");
  const tabs = tools.map((tool) => tab(tool, session));
  const section = h(
    "section",
    { class: "lab-panel lab-bench", "aria-label": "Bench: tools for this group" },
    h("div", { class: "lab-bench-tabs", role: "group", "aria-label": "Tools" }, ...tabs),
    wait,
    body,
  );
  const rooms = new Map(); // tool -> its element and its update, made when first opened
  parent.append(section);
  const close = (event) => {
    if (event.key !== "Escape" || event.defaultPrevented || !session.view.tool) return;
    const button = tabs[tools.findIndex(({ id }) => id === session.view.tool)];
    session.chooseTool(null);
    button.focus({ preventScroll: true });
  };
  section.addEventListener("keydown", close);
  document.addEventListener("keydown", (event) => {
    if (event.target === document.body) close(event); // Safari: a clicked tab gets no focus
  });
  return () => {
    const offered = tools.filter((tool) => offers(session, tool));
    const open = offered.find(({ id }) => id === session.view.tool) ?? null;
    setHidden(section, session.steps.length === 0 || !offered.length);
    setAttribute(section, "data-open", open ? "" : null);
    tools.forEach((tool, i) => {
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
