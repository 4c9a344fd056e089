/**
 * The group board in a notebook cell: the dashboard's own board over a source that a notebook
 * feeds (grpo_core/course/widgets/board.py). anywidget calls `render` with what Python keeps in step:
 *
 *     shown      JSON: {title, step, groups, boards}; groups as in a board message, boards all of them
 *     glossary   JSON: the entries of docs/glossary.md
 */

import { board } from "./board.js";
import { h, setText } from "./dom.js";
import { Session } from "./session.js";

const RUN = "notebook"; // what the session calls the only run there is

function render({ model, el }) {
  const source = sourceOf(model);
  const session = new Session(source, null);
  el.classList.add("grpo-cell");
  const live = h("div", { class: "lab" });
  el.append(live);
  const step = h("h2", { class: "lab-cell-step" });
  live.append(step);
  session.subscribe(board(live, session));
  // JupyterLab: in there, arrow keys move between tokens and not between cells.
  live.querySelector(".lab-cards").dataset.lmSuppressShortcuts = "true";
  session.subscribe(() => setText(step, session.board?.title ?? "Nothing on the board yet."));
  const stopDressing = dress(el);
  const hidden = hideStill(model.get("still"));
  return () => {
    session.close();
    stopDressing();
    hidden.remove();
  };
}

/** A source of messages (see socket.js) whose messages are made of what Python shows. */
function sourceOf(model) {
  let onMessage = () => {};
  let shown = null;
  let group = 0;
  let last = -1;

  function send() {
    if (!shown) return;
    const { title, step, groups, boards } = shown;
    const chosen = Math.min(group, boards.length - 1);
    const head = { type: "board", run: RUN, title, step, groups };
    onMessage(boards.length ? { ...head, group: chosen, ...boards[chosen] } : head);
  }

  function changed() {
    shown = JSON.parse(model.get("shown") || "null");
    if (!shown) return;
    const { step } = shown;
    const metrics = { type: "metrics", run: RUN, reset: step <= last, steps: [step], metrics: {} };
    last = step;
    onMessage(metrics);
    send();
  }

  return {
    listen(message, connection) {
      onMessage = message;
      connection("open");
      const run = { key: RUN, name: "this notebook", status: "running", live: true };
      const runs = [{ ...run, recorded: false, step: 0, config: {} }];
      onMessage({ type: "runs", now: Date.now() / 1000, runs });
      model.on("change:shown", changed);
      changed();
    },
    watch(view) {
      if (view.group === group) return;
      group = view.group;
      queueMicrotask(send); // the session is in the middle of telling
    },
    get: async (path) => (path === "glossary" ? JSON.parse(model.get("glossary")) : null),
    post: async () => ({ error: "A notebook's board only shows." }),
    close: () => model.off("change:shown", changed),
  };
}

/** Light or dark as the page is, which says so in a way of its own in every editor. */
function dress(el) {
  const look = () => el.classList.toggle("dark", isDark(el));
  const seen = new MutationObserver(look);
  for (const node of [document.documentElement, document.body]) {
    seen.observe(node, { attributes: true });
  }
  const system = matchMedia("(prefers-color-scheme: dark)");
  system.addEventListener("change", look);
  requestAnimationFrame(look); // the cell is not on the page yet
  return () => {
    seen.disconnect();
    system.removeEventListener("change", look);
  };
}

/** Whether what lies behind an element is dark. */
function isDark(el) {
  for (let node = el.parentElement; node; node = node.parentElement) {
    const [r, g, b, a = 1] = getComputedStyle(node).backgroundColor.match(/[\d.]+/g).map(Number);
    if (a > 0.5) return 0.3 * r + 0.6 * g + 0.1 * b < 128;
  }
  return getComputedStyle(document.documentElement).colorScheme === "dark";
}

/** Hide the table that stands under the board for readers who have no script. */
function hideStill(name) {
  const style = h("style", {}, `[data-grpo-still="${CSS.escape(name)}"] { display: none; }`);
  document.head.append(style);
  return style;
}

export default { render };
