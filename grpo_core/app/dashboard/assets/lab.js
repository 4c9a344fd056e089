/**
 * The live part of the dashboard: panels over one run, for a page or, later, a notebook cell.
 *
 *     const session = new Session(connect(new URL("lab/", document.baseURI)));
 *     mount(element, session);
 *
 * Nothing here knows about Gradio. A new panel is one module and one line in PANELS; it gets the
 * element to append to and the session, and returns the function that brings it up to date.
 */

import { atlas } from "./atlas.js";
import { bench } from "./bench.js";
import { board } from "./board.js";
import { charts } from "./charts.js";
import { classroom } from "./classroom.js";
import { diagnosis } from "./diagnosis.js";
import { h, setHidden } from "./dom.js";
import { lesson } from "./link.js";
import { notice } from "./notice.js";
import { runList } from "./runlist.js";
import { seconds } from "./seconds.js";
import { timeline } from "./timeline.js";
import { tour, tourButton } from "./tour.js";
import { waiting } from "./waiting.js";

export { connect } from "./socket.js";
export { Session } from "./session.js";

const PANELS = {
  classroom,
  lesson,
  notice,
  timeline,
  diagnosis,
  waiting,
  charts,
  seconds,
  atlas,
  board,
  bench,
  tour,
};

/**
 * @param {HTMLElement} element
 * @param {import("./session.js").Session} session
 */
export function mount(element, session) {
  mountAll(element, session, PANELS);
}

/** The run list, for a side column. */
export function mountRuns(element, session) {
  mountAll(element, session, { tour: tourButton, runs: runList });
}

/** Each panel in a part of its own, which a link can hide (see lesson.js). */
function mountAll(element, session, panels) {
  element.classList.add("lab");
  for (const [name, panel] of Object.entries(panels)) {
    const part = h("div", { class: "lab-part", "data-part": name });
    element.append(part);
    const update = panel(part, session);
    session.subscribe(() => {
      setHidden(part, session.hides(name));
      if (!part.hidden) update();
    });
  }
}
