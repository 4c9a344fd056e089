/** The page's modules, for the tests beside this. */

const FOLDER = new URL("../../../../grpo_core/app/dashboard/assets/", import.meta.url);

/** @param {string} path of a module within assets/ */
export function load(path) {
  return import(new URL(path, FOLDER).href);
}

/** A completion of a board message, with some fields of its own. */
export function card(fields = {}) {
  const plain = { reward: 0, advantage: 0, rewards: {}, truncated: false, logprob: [] };
  return { text: "", tokens: [], parts: "", gap: "", length: 0, ...plain, ...fields };
}
