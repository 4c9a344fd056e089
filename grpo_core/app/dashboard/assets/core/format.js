/** Numbers and names as people read them. */

/** @param {number|null|undefined} value @param {number} [digits] significant digits */
export function number(value, digits = 3) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size < 1e-3 || size >= 1e5) return minus(value.toExponential(Math.max(1, digits - 2)));
  const decimals = Math.max(0, digits - 1 - Math.floor(Math.log10(size)));
  return minus(String(Number(value.toFixed(Math.min(decimals, 6)))));
}

/** With its sign, always: "+1.32", "−0.40", "0". */
export function signed(value, digits = 3) {
  const text = number(value, digits);
  return value > 0 ? `+${text}` : text;
}

/** Exactly two decimals and a sign, for columns of advantages. */
export function advantage(value) {
  if (value === null || !Number.isFinite(value)) return "–";
  const text = minus(value.toFixed(2));
  return value > 0 ? `+${text}` : text === "−0.00" ? "0.00" : text;
}

function minus(text) {
  return text.replace("-", "−").replace("e−", "e-").replace("e+", "e");
}

/** "47 s", "3 min 20 s", "1 h 5 min". @param {number} seconds */
export function duration(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}

/** What a run adds up: "1 x accuracy + 0.3 x format". @param {Object<string, any>} config */
export function rewardSum(config) {
  const weights = config.reward_weights ?? [];
  return (config.reward_funcs ?? [])
    .map((name, i) => `${number(weights[i])} x ${rewardName(name)}`)
    .join(" + ");
}

/** "84 tokens"; characters of a completion whose tokens were not recorded. */
export function sizeOf(completion) {
  const { characters, length, tokens } = completion;
  if (characters !== undefined) return `${characters} characters`;
  return `${length ?? tokens.length} tokens`;
}

/**
 * Somebody's text for the middle of a sentence: without the characters that turn the direction of
 * what follows, or our own words after it would be read from right to left.
 */
export function inline(text) {
  return text.replace(/[\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, "");
}

/** "accuracy_reward" -> "accuracy". */
export function rewardName(name) {
  return inline(name).replace(/_reward$/, "").replaceAll("_", " ");
}
