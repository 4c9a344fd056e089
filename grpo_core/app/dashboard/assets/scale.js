/** Axes: round numbers that change rarely, so that a live chart does not jump. */

const ENDS = [1, 1.5, 2, 3, 4, 5, 6, 8, 10];
const STRIDES = [1, 2, 5, 10];

/** The smallest round number that is at least `value`. */
export function roundUp(value, round = ENDS) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return power * round.find((m) => m * power >= value * (1 - 1e-9));
}

/**
 * The vertical axis for values.
 * @param {Array<Array<number|null>>} columns
 * @param {number} [top] fixed top
 * @returns {{low: number, high: number, ticks: number[]}}
 */
export function verticalAxis(columns, top) {
  let low = 0;
  let high = top ?? 0;
  for (const column of columns) {
    for (const value of column) {
      if (value === null) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  if (high === low) high = low + 1;
  high = top !== undefined && high <= top ? top : roundUp(high);
  low = low < 0 ? -roundUp(-low) : 0;
  return { low, high, ticks: low < 0 ? [low, 0, high] : [0, high / 2, high] };
}

/**
 * The last step on the horizontal axis: with air while a run is live.
 * @param {number} last @param {number|undefined} planned @param {boolean} live
 */
export function horizontalEnd(last, planned, live) {
  if (!live) return Math.max(last, 1);
  const roomy = Math.max(10, Math.ceil((last * 1.2 + 1) / 10) * 10);
  return Math.max(last, planned ? Math.min(planned, roomy) : roomy);
}

/** Three or four round step numbers from 0 to `end`. */
export function stepTicks(end) {
  const stride = Math.max(1, roundUp(end / 4, STRIDES));
  const ticks = [];
  for (let tick = 0; tick <= end; tick += stride) ticks.push(tick);
  return ticks;
}
