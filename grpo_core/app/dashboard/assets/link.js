/**
 * Lesson links: the line that says what a link hides and sets, and the dialog that makes one.
 * What a link can carry is in lesson.js.
 */

import { h, setAttribute, setHidden, setText } from "./dom.js";
import { carried, FIELDS, inWords, PARTS } from "./lesson.js";
import { writeView } from "./view.js";

/**
 * The line about the link that this page was opened with; none where it says nothing.
 * @param {HTMLElement} parent
 * @param {import("./session.js").Session} session
 * @returns {() => void} update
 */
export function lesson(parent, session) {
  const button = (text, act) =>
    h("button", { type: "button", class: "lab-button", onclick: act }, text);
  const sets = h("span");
  const hides = h("span");
  const forget = button("Forget them", () => session.forgetSettings());
  const show = button("Show everything", () => session.hide([]));
  const line = h("div", { class: "lab-lesson", role: "note" }, sets, forget, hides, show);
  parent.append(line);
  return () => {
    const { hidden, settings } = session.view;
    const options = session.room.student ? {} : settings;
    const some = Object.keys(options).length > 0;
    setHidden(line, !some && !hidden.length);
    for (const part of [sets, forget]) setHidden(part, !some);
    for (const part of [hides, show]) setHidden(part, !hidden.length);
    setText(sets, `This link sets for the next run: ${inWords(options)}.`);
    const names = PARTS.filter(([name]) => hidden.includes(name)).map(([, words]) => words);
    setText(hides, `It leaves out: ${names.join("; ")}.`);
  };
}

/** The button that opens the dialog. @param {import("./session.js").Session} session */
export function shareButton(session) {
  let dialog = null;
  const button = h(
    "button",
    {
      type: "button",
      class: "lab-button lab-link",
      "aria-haspopup": "dialog",
      onclick: () => {
        dialog ??= new Share(button.closest(".lab"), session);
        dialog.open();
      },
    },
    "Link to this view",
  );
  return button;
}

class Share {
  constructor(root, session) {
    this.session = session;
    const change = () => this.#write();
    this.ticks = PARTS.map(([name]) => h("input", { type: "checkbox", name, onchange: change }));
    this.fields = FIELDS.map(([name]) =>
      h("input", { type: "text", name, autocomplete: "off", oninput: change }),
    );
    this.held = h("input", { type: "checkbox", name: "held", onchange: change });
    this.step = h("span");
    this.link = h("input", {
      type: "text",
      class: "lab-link-field",
      readonly: "",
      "aria-label": "Link",
      onfocus: () => this.link.select(),
    });
    this.where = h("p", { class: "lab-muted" });
    this.said = h("p", { class: "lab-link-said", role: "status" });
    const button = (text, act) =>
      h("button", { type: "button", class: "lab-button", onclick: act }, text);
    this.element = h(
      "dialog",
      { class: "lab-dialog", "aria-label": "Link to this view" },
      h("h2", {}, "Link to this view"),
      h("label", { class: "lab-link-tick" }, this.held, this.step),
      h(
        "fieldset",
        {},
        h("legend", {}, "Leave out"),
        ...PARTS.map(([, words], i) => h("label", { class: "lab-link-tick" }, this.ticks[i], words)),
      ),
      h(
        "details",
        {},
        h("summary", {}, "Set options of the next run"),
        h("p", { class: "lab-muted" }, "What is left empty keeps its default."),
        h(
          "div",
          { class: "lab-link-fields" },
          ...FIELDS.map(([, words], i) => h("label", {}, h("span", {}, words), this.fields[i])),
        ),
        button("As in the run that is shown", () => this.#copyRun()),
      ),
      this.link,
      this.where,
      h(
        "div",
        { class: "lab-link-buttons" },
        button("Copy the link", () => this.#copy()),
        button("Show it here", () => this.#try()),
        button("Close", () => this.element.close()),
        this.said,
      ),
    );
    root.append(this.element);
  }

  open() {
    const { hidden, settings } = this.session.view;
    this.ticks.forEach((tick) => (tick.checked = hidden.includes(tick.name)));
    this.fields.forEach((field) => (field.value = settings[field.name] ?? ""));
    this.held.checked = !this.session.run?.live;
    setText(this.step, `Hold at step ${this.session.step ?? 0}`);
    setText(this.said, "");
    this.#write();
    this.element.showModal();
  }

  /** The view that the link is of. */
  #view() {
    const { session } = this;
    const kept = Object.entries(session.view.settings).filter(
      ([name]) => !FIELDS.some(([field]) => field === name),
    );
    const given = this.fields
      .map((field) => [field.name, field.value.trim()])
      .filter(([, value]) => carried(value));
    return {
      ...session.view,
      run: session.shown,
      step: this.held.checked ? session.step : null,
      hidden: this.ticks.filter((tick) => tick.checked).map((tick) => tick.name),
      settings: Object.fromEntries([...kept, ...given]),
    };
  }

  #write() {
    for (const field of this.fields) {
      const bad = field.value.trim() !== "" && !carried(field.value.trim());
      setAttribute(field, "aria-invalid", bad ? "true" : null);
    }
    const { place, room } = this.session;
    const page = new URL(place.pathname, room.message?.join?.url ?? place.origin);
    this.link.value = page.href + writeView(this.#view());
    const alone = ["127.0.0.1", "localhost", "[::1]"].includes(page.hostname);
    const only = "This address is this computer's own: others need a dashboard of their own, or a class.";
    setText(this.where, alone ? only : "");
  }

  /** To the clipboard, or selected where that is not allowed. */
  async #copy() {
    this.link.focus();
    this.link.select();
    let copied = false;
    try {
      await navigator.clipboard.writeText(this.link.value);
      copied = true;
    } catch {
      copied = document.execCommand("copy"); // an older way, without permission
    }
    setText(this.said, copied ? "Copied." : "Selected: copy it with Ctrl-C.");
  }

  #try() {
    const { session } = this;
    session.turn({ ...this.#view(), step: this.held.checked ? session.step : session.cursor });
    this.element.close();
  }

  /** What the shown run was trained with, where a link can carry it. */
  #copyRun() {
    const config = this.session.run?.config ?? {};
    for (const field of this.fields) {
      const value = String(config[field.name] ?? "");
      field.value = carried(value) ? value : "";
    }
    this.#write();
  }
}
