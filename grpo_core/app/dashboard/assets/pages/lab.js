/**
 * The live part of the dashboard: panels over one run, for a page or, later, a notebook cell.
 *
 *     const session = new Session(connect(new URL("lab/", document.baseURI)));
 *     mount(element, session);
 *
 * Nothing here knows about Gradio. A new panel is one module and one line in PANELS; it gets the
 * element to append to and the session, and returns the function that brings it up to date.
 */

import { atlas } from "../panels/atlas.js";
import { bench } from "../tools/bench.js";
import { board } from "../panels/board.js";
import { charts } from "../panels/charts.js";
import { classroom } from "../class/classroom.js";
import { diagnosis } from "../panels/diagnosis.js";
import { h, setHidden } from "../core/dom.js";
import { lesson } from "../panels/link.js";
import { notice } from "../panels/notice.js";
import { runList } from "../panels/runlist.js";
import { seconds } from "../panels/seconds.js";
import { timeline } from "../panels/timeline.js";
import { tour, tourButton } from "../panels/tour.js";
import { waiting } from "../panels/waiting.js";

export { connect } from "../core/socket.js";
export { Session } from "../core/session.js";

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
 * @param {import("../core/session.js").Session} session
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
