/**
 * Taking the shown run away: a button with a short menu, and a line that says how it goes. The
 * server makes the file, which takes some seconds (grpo_core/app/dashboard/exports.py).
 */

import { h, setAttribute, setHidden, setText } from "./dom.js";

const FORMS = [
  ["html", "Page that replays it", "One HTML file for any browser, without a network."],
  ["csv", "Tables, CSV", "Steps and completions, with a README that explains every column."],
  ["parquet", "Tables, Parquet", "The same for pandas, Polars or DuckDB."],
  ["trl", "TRL's completions", "As TRL writes them with log_completions=True."],
];

/**
 * The button and its menu; null where nothing can be downloaded.
 * @param {import("./session.js").Session} session
 * @returns {HTMLElement|null}
 */
export function shareMenu(session) {
  if (!session.source.download) return null;
  const button = h(
    "button",
    {
      type: "button",
      class: "lab-button",
      "aria-expanded": "false",
      "aria-label": "Share this run",
      onclick: () => open(menu.hidden),
    },
    "Share",
  );
  const choices = FORMS.map(([form, name, text]) =>
    h(
      "button",
      { type: "button", class: "lab-share-form", onclick: () => fetchFile(form) },
      h("b", {}, name),
      h("span", {}, text),
    ),
  );
  const said = h("p", { class: "lab-share-said", role: "status" });
  const menu = h("div", { class: "lab-share-menu", role: "group", "aria-label": "Share this run as" });
  menu.append(...choices, said);
  menu.hidden = true;
  const element = h("div", { class: "lab-share" }, button, menu);
  element.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || menu.hidden) return;
    open(false);
    button.focus({ preventScroll: true });
  });
  element.addEventListener("focusout", (event) => {
    const to = event.relatedTarget; // null where the click hit nothing that takes the focus
    if (to && !element.contains(to)) open(false);
  });
  addEventListener("pointerdown", (event) => {
    if (!element.contains(event.target)) open(false);
  });

  function open(wanted) {
    setHidden(menu, !wanted);
    setAttribute(button, "aria-expanded", String(wanted));
  }

  async function fetchFile(form) {
    const { run } = session;
    if (!run || menu.hasAttribute("data-busy")) return;
    setAttribute(menu, "data-busy", "");
    setText(said, "Making the file: this takes some seconds ...");
    const answer = await session.source.download("export", { run: run.key, as: form });
    const name = run.name + (form === "html" ? ".html" : `-${form}.zip`);
    setAttribute(menu, "data-busy", null);
    setText(said, answer.error ?? `${name}, ${megabytes(answer.file.size)}, is downloaded.`);
    if (answer.file) save(answer.file, name);
  }

  return element;
}

function megabytes(bytes) {
  return bytes < 1e5 ? `${Math.ceil(bytes / 1e3)} KB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/** Hand a file to the browser's downloads. */
function save(file, name) {
  const address = URL.createObjectURL(file);
  h("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
