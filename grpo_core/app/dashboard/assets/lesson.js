/**
 * What a teacher's link carries beside the place in a run: parts of the page to leave out, and
 * options of the next run.
 *
 *     #run=...&step=40&hide=charts,atlas&seed=3&set=beta:0.04,num_generations:8
 *     #seed=3&set=recipe:no-verification
 *
 * What is hidden is not forbidden: a link steers attention, the server keeps rights. What is set is
 * what somebody could have typed, and the server checks it as ever.
 */

/** What can be left out: name in the address, and words. The last five are tools of the bench. */
export const PARTS = [
  ["tour", "guided tour"],
  ["runs", "list of runs"],
  ["controls", "Start, Pause, Resume, Step, Stop"],
  ["options", "options of the next run, and experiments"],
  ["timeline", "run and step"],
  ["diagnosis", "diagnosis"],
  ["charts", "charts"],
  ["seconds", "where a step's time goes"],
  ["atlas", "map of every group"],
  ["board", "group board"],
  ["bench", "bench, with all its tools"],
  ["formula", "tool: formula"],
  ["whatif", "tool: what if"],
  ["step", "tool: step by step"],
  ["compare", "tool: side by side"],
  ["fork", "tool: fork"],
];

/**
 * What can be set, and words: an experiment by its file's name in data/recipes/, and fields of
 * GRPOConfig, which go before what the experiment says. One that ends in _reward is a weight.
 */
export const FIELDS = [
  ["recipe", "experiment"],
  ["seed", "seed"],
  ["task", "task"],
  ["model", "model"],
  ["max_steps", "steps"],
  ["num_generations", "group size G"],
  ["generation_batch_size", "completions a step"],
  ["max_completion_length", "longest completion"],
  ["learning_rate", "learning rate"],
  ["beta", "beta"],
  ["temperature", "temperature"],
  ["loss_type", "loss"],
  ["scale_rewards", "scale of rewards"],
  ["importance_sampling_level", "ratio of each"],
  ["num_iterations", "updates a batch"],
  ["epsilon", "epsilon"],
  ["epsilon_high", "epsilon high"],
];

const VALUE = /^(?:-?\d{1,9}(?:\.\d{1,12})?(?:e-?\d{1,3})?|[a-z][\w-]{0,39})$/;
const MOST_SET = 24;

/** Whether a link can set this. */
export function settable(name) {
  return FIELDS.some(([field]) => field === name) || /^[a-z][a-z_]{0,40}_reward$/.test(name);
}

/** Whether a value is one that a link can carry. @param {string} value */
export function carried(value) {
  return VALUE.test(value);
}

/** @param {URLSearchParams} values @returns {string[]} names of PARTS, in their order */
export function readHidden(values) {
  const names = new Set((values.get("hide") ?? "").split(","));
  return PARTS.map(([name]) => name).filter((name) => names.has(name));
}

/** @param {URLSearchParams} values @returns {Object<string, string>} field -> value, as written */
export function readSettings(values) {
  const pairs = (values.get("set") ?? "").split(",").slice(0, MOST_SET);
  const found = pairs.map((pair) => pair.split(":"));
  if (values.has("seed")) found.unshift(["seed", values.get("seed")]);
  const good = found.filter(
    (pair) => pair.length === 2 && settable(pair[0]) && carried(pair[1]),
  );
  return Object.fromEntries(good.slice(0, MOST_SET));
}

/** Put both into the values of an address. */
export function writeLesson(values, hidden, settings) {
  if (hidden.length) values.set("hide", hidden.join(","));
  const { seed, ...others } = settings;
  if (seed !== undefined) values.set("seed", seed);
  const pairs = Object.entries(others).map(([name, value]) => `${name}:${value}`);
  if (pairs.length) values.set("set", pairs.join(","));
}

/** The values as options: numbers where they are numbers. */
export function asOptions(settings) {
  const typed = ([name, value]) => [name, Number.isNaN(Number(value)) ? value : Number(value)];
  return Object.fromEntries(Object.entries(settings).map(typed));
}

/** "seed 3, beta 0.04, weight of brevity 1". */
export function inWords(settings) {
  const word = (name) =>
    FIELDS.find(([field]) => field === name)?.[1] ??
    `weight of ${name.replace(/_reward$/, "").replaceAll("_", " ")}`;
  return Object.entries(settings)
    .map(([name, value]) => `${word(name)} ${value}`)
    .join(", ");
}
