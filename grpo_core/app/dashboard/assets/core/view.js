/**
 * What a page shows, as its address carries it. FIELDS says of each part of a view how it stands
 * there, and so what can stand there; nothing else is read, written or taken from another page.
 */

import { readHidden, readSettings, writeHidden, writeSettings } from "./lesson.js";

/** @typedef {import("./messages.js").View} View */

export const MOST_OTHERS = 3;
const LONGEST_KEY = 200; // characters of a run's key, as on the server

/**
 * @typedef {object} Field
 * @property {(values: URLSearchParams) => any} read the value, or what it is where there is none
 * @property {(values: URLSearchParams, value: any) => void} write
 * @property {((value: unknown) => boolean)|null} fits whether another page's value may be written;
 *   null of what each page has for itself
 */

const isWord = (value) => typeof value === "string";
const isCount = (value) => Number.isInteger(value) && value >= 0;

/**
 * A part that is one text of a form, and is not written where it is what it would be without.
 * @param {string} name in the address
 * @param {RegExp} form
 * @param {any} none what it is without
 * @param {(text: string) => any} of
 * @param {((value: unknown) => boolean)|null} fits
 * @returns {Field}
 */
function one(name, form, none, of = (text) => text, fits = isWord) {
  return {
    read(values) {
      const text = values.get(name);
      return text !== null && form.test(text) ? of(text) : none;
    },
    write(values, value) {
      if (value !== none) values.set(name, String(value));
    },
    fits,
  };
}

const WORD = /^[a-z]{1,20}$/;

/** @type {{[Name in keyof View]: Field}} in the order of the address */
export const FIELDS = {
  run: one("run", /^/, null, undefined, (value) => isWord(value) && value.length <= LONGEST_KEY),
  step: one("step", /^\d{1,9}$/, null, Number, isCount),
  group: one("group", /^\d{1,6}$/, 0, Number, isCount),
  shade: one("shade", WORD, "push"),
  sort: one("sort", WORD, "sample"),
  tool: one("tool", WORD, null),
  token: {
    read: (values) => readToken(values.get("token")),
    write: (values, place) => place && values.set("token", place.join(".")),
    fits: (value) => Array.isArray(value) && value.length === 2 && value.every(isCount),
  },
  stage: one("stage", /^[1-5]$/, null),
  tour: one("tour", /^[1-9]\d?$/, null, Number, null),
  others: {
    read: (values) => values.getAll("with").slice(0, MOST_OTHERS),
    write: (values, keys) => keys.forEach((key) => values.append("with", key)),
    fits: (value) => Array.isArray(value) && value.every((key) => FIELDS.run.fits(key)),
  },
  hidden: { read: readHidden, write: writeHidden, fits: null },
  settings: { read: readSettings, write: writeSettings, fits: null },
};

/** @param {string|null} text such as "3.17" @returns {[number, number]|null} */
function readToken(text) {
  const found = (text ?? "").match(/^(\d{1,6})\.(\d{1,6})$/);
  return found && [Number(found[1]), Number(found[2])];
}

/** @param {string} hash such as "#run=a&step=3&group=1" @returns {View} */
export function readView(hash) {
  const values = new URLSearchParams(hash.replace(/^#/, ""));
  const found = Object.entries(FIELDS).map(([name, field]) => [name, field.read(values)]);
  return Object.fromEntries(found);
}

/** @param {View} view @returns {string} */
export function writeView(view) {
  return written(view, () => true);
}

/** Another page's view as one of ours: only what an address can carry gets through. */
export function takenView(view) {
  return readView(written(view, (field, value) => field.fits?.(value) ?? false));
}

/** @param {object} view @param {(field: Field, value: any) => boolean} wanted */
function written(view, wanted) {
  const values = new URLSearchParams();
  for (const [name, field] of Object.entries(FIELDS)) {
    if (wanted(field, view[name])) field.write(values, view[name]);
  }
  const text = values.toString().replaceAll("%3A", ":").replaceAll("%2C", ","); // to be read
  return text && `#${text}`;
}
