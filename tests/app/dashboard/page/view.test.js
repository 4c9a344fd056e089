/** A view: tests/dashboard/test_links.py has what its address says; here is what another page may say. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./assets.js";

const { FIELDS, readView, takenView, writeView } = await load("core/view.js");

const full = {
  run: "recorded:a", step: 4, group: 1, shade: "kl", sort: "reward", tool: "formula",
  token: [3, 17], stage: "2", tour: 3, others: ["b", "c"], hidden: ["charts"],
  settings: { seed: "3" },
};

test("every part of a view stands in the table, and comes back from the address", () => {
  assert.deepEqual(Object.keys(FIELDS).sort(), Object.keys(full).sort());
  assert.deepEqual(readView(writeView(full)), full);
});

test("a view that is taken over leaves tour, hidden parts and settings to each page", () => {
  const own = { tour: null, hidden: [], settings: {} };
  assert.deepEqual(takenView(full), { ...full, ...own });
});

test("what does not fit is what it would be without", () => {
  const empty = readView("");
  const strange = [null, undefined, {}, [], "x".repeat(300), "<b>", -1, 1.5, NaN, [1], ["a", 1], true];
  for (const name of Object.keys(FIELDS)) {
    for (const value of strange) {
      const taken = takenView({ ...empty, [name]: value });
      assert.deepEqual(readView(writeView(taken)), taken);
      if (name !== "run" || value !== "<b>") assert.deepEqual(taken[name], empty[name], `${name}: ${value}`);
    }
  }
  assert.deepEqual(takenView({}), empty);
});
