/** What a page shows, as its address carries it: a view read from the hash, and written to it. */

import { readHidden, readSettings, writeLesson } from "./lesson.js";

export const MOST_OTHERS = 3;

/**
 * @typedef {object} View
 * @property {string|null} run @property {number|null} step @property {number} group
 * @property {string} shade @property {string} sort
 * @property {string|null} tool of the bench that is open, see bench.js
 * @property {[number, number]|null} token a completion's number, and the token's in it
 * @property {string[]} others runs whose curves are drawn too
 * @property {string|null} stage how much of the group is shown, see microscope.js
 * @property {number|null} tour at which stop of the guided tour the page is, see tour.js
 * @property {string[]} hidden parts of the page that are left out, see lesson.js
 * @property {Object<string, string>} settings of the next run, as the link gives them
 */

/** @param {string} hash such as "#run=a&step=3&group=1" @returns {View} */
export function readView(hash) {
  const values = new URLSearchParams(hash.replace(/^#/, ""));
  const step = values.get("step");
  return {
    run: values.get("run"),
    step: step !== null && /^\d{1,9}$/.test(step) ? Number(step) : null,
    group: Number((values.get("group") ?? "").match(/^\d{1,6}$/)?.[0] ?? 0),
    shade: (values.get("shade") ?? "").match(/^[a-z]{1,20}$/)?.[0] ?? "push",
    sort: (values.get("sort") ?? "").match(/^[a-z]{1,20}$/)?.[0] ?? "sample",
    tool: (values.get("tool") ?? "").match(/^[a-z]{1,20}$/)?.[0] ?? null,
    token: readToken(values.get("token")),
    others: values.getAll("with").slice(0, MOST_OTHERS),
    stage: (values.get("stage") ?? "").match(/^[1-5]$/)?.[0] ?? null,
    tour: Number((values.get("tour") ?? "").match(/^[1-9]\d?$/)?.[0] ?? 0) || null,
    hidden: readHidden(values),
    settings: readSettings(values),
  };
}

/** @param {string|null} text such as "3.17" @returns {[number, number]|null} */
function readToken(text) {
  const found = (text ?? "").match(/^(\d{1,6})\.(\d{1,6})$/);
  return found && [Number(found[1]), Number(found[2])];
}

/** @param {View} view @returns {string} */
export function writeView(view) {
  const values = new URLSearchParams();
  if (view.run !== null) values.set("run", view.run);
  if (view.step !== null) values.set("step", String(view.step));
  if (view.group) values.set("group", String(view.group));
  if (view.shade !== "push") values.set("shade", view.shade);
  if (view.sort !== "sample") values.set("sort", view.sort);
  if (view.tool) values.set("tool", view.tool);
  if (view.token) values.set("token", view.token.join("."));
  if (view.stage) values.set("stage", view.stage);
  if (view.tour) values.set("tour", String(view.tour));
  for (const other of view.others) values.append("with", other);
  writeLesson(values, view.hidden, view.settings);
  const text = values.toString().replaceAll("%3A", ":").replaceAll("%2C", ","); // to be read
  return text && `#${text}`;
}
