/**
 * What a metric means, one click away: a small button, and one popover a page.
 *
 * The entries are those of docs/glossary.md, fetched when first asked for; they are plain text.
 */

import { h, setHidden, setText } from "./dom.js";

const ANY = "<name>"; // stands for any name, as in "rewards/<name>/mean"

/**
 * The entry of a metric: the one of its name, else the first whose pattern it fits.
 * @param {Array<{name: string, meaning: string, unit: string}>} entries
 * @param {string} metric
 */
export function explain(entries, metric) {
  const fits = ({ name }) => {
    const [before, after] = name.split(ANY);
    if (after === undefined) return false;
    const room = metric.length > before.length + after.length;
    return room && metric.startsWith(before) && metric.endsWith(after);
  };
  return entries.find(({ name }) => name === metric) ?? entries.find(fits) ?? null;
}

/**
 * A button that explains some metrics.
 * @param {import("./session.js").Session} session
 * @param {string} title what they are called together
 * @param {() => string[]} names of the metrics, asked when it is pressed
 * @param {string} [text] on the button
 */
export function glossaryButton(session, title, names, text = "?") {
  const button = h(
    "button",
    {
      type: "button",
      class: text === "?" ? "lab-gloss-button" : "lab-gloss-word",
      "aria-label": text === "?" ? `What is ${title}?` : `${text}: what is it?`,
      "aria-haspopup": "dialog",
      "aria-expanded": "false",
      onclick: () => popoverOf(button).toggle(button, session, title, names()),
    },
    text,
  );
  return button;
}

const popovers = new WeakMap();

/** The popover of the part of the page that the button is in. */
function popoverOf(button) {
  const root = button.closest(".lab");
  if (!popovers.has(root)) popovers.set(root, new Popover(root));
  return popovers.get(root);
}

class Popover {
  constructor(root) {
    this.button = null;
    this.title = h("h3");
    this.list = h("dl");
    this.element = h(
      "div",
      { class: "lab-gloss", role: "dialog", tabindex: "-1", "aria-label": "Glossary" },
      this.title,
      this.list,
      h("button", { type: "button", class: "lab-button", onclick: () => this.close(true) }, "Close"),
    );
    this.element.hidden = true;
    root.append(this.element);
    this.element.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      this.close(true);
    });
    this.element.addEventListener("focusout", (event) => {
      const to = event.relatedTarget; // null in Safari, where a button that is clicked gets no focus
      if (to && !this.element.contains(to) && to !== this.button) this.close(false);
    });
    addEventListener("pointerdown", ({ target }) => {
      if (!this.element.contains(target) && !this.button?.contains(target)) this.close(false);
    });
    for (const moved of ["scroll", "resize"]) {
      addEventListener(moved, () => this.#place(), { passive: true, capture: true });
    }
  }

  async toggle(button, session, title, names) {
    if (this.button === button) return this.close(true);
    this.close(false);
    this.button = button;
    button.setAttribute("aria-expanded", "true");
    setText(this.title, title);
    this.list.replaceChildren(h("dd", {}, "Reading the glossary ..."));
    setHidden(this.element, false);
    this.#place();
    this.element.focus({ preventScroll: true });
    const entries = await session.glossary();
    if (this.button !== button) return;
    this.list.replaceChildren(...lines(entries, names));
    this.element.scrollTop = 0;
    this.#place();
  }

  /** @param {boolean} back whether the button gets the focus again */
  close(back) {
    const button = this.button;
    if (!button) return;
    this.button = null;
    button.setAttribute("aria-expanded", "false");
    setHidden(this.element, true);
    if (back) button.focus({ preventScroll: true });
  }

  /** Below the button, or above it where there is more room. */
  #place() {
    if (!this.button) return;
    const at = this.button.getBoundingClientRect();
    const size = this.element.getBoundingClientRect();
    const left = Math.max(6, Math.min(at.left, innerWidth - size.width - 6));
    const below = at.bottom + 6;
    const above = at.top - size.height - 6;
    const top = below + size.height < innerHeight || above < 6 ? below : above;
    this.element.style.left = `${left}px`;
    this.element.style.top = `${Math.max(6, Math.min(top, innerHeight - size.height - 6))}px`;
  }
}

/** Metrics and what they mean; those of one entry share its text. */
function lines(entries, names) {
  const found = new Map(); // entry -> names
  for (const name of names) {
    const entry = explain(entries, name) ?? name;
    found.set(entry, [...(found.get(entry) ?? []), name]);
  }
  return [...found].flatMap(([entry, metrics]) => [
    h(
      "dt",
      {},
      h("span", {}, ...metrics.map((metric) => h("code", {}, metric))),
      entry.unit ? h("span", { class: "lab-gloss-unit" }, entry.unit) : null,
    ),
    h("dd", {}, entry.meaning ?? "The glossary has no entry for it."),
  ]);
}
