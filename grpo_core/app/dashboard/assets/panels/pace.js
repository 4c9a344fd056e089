/** How long the rest of a run will take, from what its last steps took. */

import { median } from "./seconds.js";

const WINDOW = 10; // steps, and held-out evaluations, whose seconds tell what the next will take

/**
 * Seconds until the last step is recorded, counted from when step `at` was; null while no step was
 * timed. Medians, so that one step that had to wait for something does not count tenfold. Saving
 * checkpoints is not counted: of a large model they take some seconds a run.
 * @param {number} at the last step recorded
 * @param {number} planned how many there will be
 * @param {number|null|undefined} steps between two evaluations; there is one after the last
 * @param {Array<number|null>} steps their seconds
 * @param {Array<number|null>} evaluations their seconds
 */
export function secondsLeft(at, planned, every, steps, evaluations) {
  const [step, evaluation] = [steps, evaluations].map(recent);
  if (step === null) return null;
  return (planned - at) * step + evaluationsLeft(at, planned, every) * (evaluation ?? 0);
}

function recent(values) {
  return median(values.filter((value) => value !== null && value !== undefined).slice(-WINDOW));
}

/** How many evaluations come after step `at`: one every `every` steps, and one after the last. */
export function evaluationsLeft(at, planned, every) {
  if (at >= planned) return 0;
  const whole = every ? Math.floor(planned / every) - Math.floor(at / every) : 0;
  return whole + (every && planned % every === 0 ? 0 : 1);
}
