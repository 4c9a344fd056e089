/**
 * A page that was shared: one file that replays a run, with no server behind it. The panels are the
 * dashboard's, wherever they need no server; what they are told is in the file, as
 * grpo_core/app/share/html.py laid it down:
 *
 *     #lab-head        JSON, compressed: {about, run, metrics, findings, atlas, glossary, groups,
 *                      bare}; messages as the feed sends them, `groups` by step as in a board
 *                      message, `bare` the steps that sampled none
 *     #lab-board-S-G   JSON, compressed: group G of step S, as in a board message
 *
 * Both are base64, so nothing that a model wrote can end its element or be read as a script.
 */

import { aboutPanel } from "./about.js";
import { atlas } from "./atlas.js";
import { board } from "./board.js";
import { charts } from "./charts.js";
import { compare } from "./compare.js";
import { diagnosis } from "./diagnosis.js";
import { h } from "./dom.js";
import { drawer } from "./drawer.js";
import { seconds } from "./seconds.js";
import { Session } from "./session.js";
import { timeline } from "./timeline.js";

const PANELS = [timeline, diagnosis, charts, seconds, atlas, board, drawer([compare])];

/** What an element holds; throws where it is missing or damaged. */
async function unpack(id) {
  const text = document.getElementById(id).textContent;
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(plain).text());
}

/** A source of messages (see socket.js) out of the file. */
function sourceOf(head) {
  const { key } = head.run;
  const kept = Object.keys(head.groups).map(Number);
  let onMessage = () => {};
  let wanted = null;
  let sent = null;

  /** The board message for a view; decoding takes a moment. */
  async function find({ step, group }) {
    const { steps } = head.metrics;
    const asked = steps.findLast((one) => step === null || one <= step) ?? steps[0];
    if (head.bare.includes(asked)) return { step: asked, groups: [] };
    const at = kept.findLast((one) => one <= asked) ?? kept[0];
    if (at === undefined) return { step: asked, groups: [] };
    const groups = head.groups[at];
    const chosen = Math.min(group, groups.length - 1);
    const message = { step: at, groups, group: chosen };
    if (at !== asked) message.instead = true;
    if (groups[chosen].left_out) return message;
    return { ...message, ...(await unpack(`lab-board-${at}-${chosen}`)) };
  }

  async function show(view) {
    const message = { type: "board", run: key, ...(await find(view)) };
    const name = JSON.stringify([message.step, message.group, message.instead]);
    if (view !== wanted || name === sent) return; // something else is wanted by now
    sent = name;
    onMessage(message);
  }

  return {
    listen(message, connection) {
      onMessage = message;
      connection("open");
      onMessage({ type: "runs", now: Date.now() / 1000, runs: [head.run] });
      onMessage(head.metrics);
      onMessage(head.atlas);
      if (head.findings) onMessage(head.findings);
    },
    watch(view) {
      const same = wanted && view.step === wanted.step && view.group === wanted.group;
      if (view.run === key && same) return;
      if (view.run === key) show((wanted = view)).catch(tell);
      else queueMicrotask(() => onMessage({ type: "gone", run: view.run })); // of another address
    },
    get: async (path) => (path === "glossary" ? head.glossary : null),
    post: async () => ({ error: "This page only shows." }),
    close() {},
  };
}

/** The address holds the view, except where a page in a frame may not change it. */
function place() {
  try {
    history.replaceState(null, "", location.hash || location.href);
    return location;
  } catch {
    return null;
  }
}

function tell(error) {
  const old = globalThis.DecompressionStream === undefined;
  const text = old
    ? "This browser is too old for this page: it takes one of 2023 or later."
    : "This file is damaged: it may have been cut short when it was copied. Ask for it again.";
  if (!document.querySelector(".lab-replay-error")) {
    document.body.prepend(h("p", { class: "lab-replay-error", role: "alert" }, text));
  }
  console.info(error);
}

const dark = matchMedia("(prefers-color-scheme: dark)");
const dress = () => document.body.classList.toggle("dark", dark.matches);
dark.addEventListener("change", dress);
dress();

async function open() {
  const head = await unpack("lab-head");
  const live = h("main", { class: "lab lab-replay" });
  document.body.append(live);
  aboutPanel(live, head.about);
  const session = new Session(sourceOf(head), place());
  for (const panel of PANELS) session.subscribe(panel(live, session));
}

open().catch(tell);
