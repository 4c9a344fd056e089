/** Where in time a page is: at one step, at the latest one, or moving through a recorded run. */

const REST_BEATS = 8; // how long a replay rests at its end before it begins again

export class Player {
  /** @param {import("./state.js").State} state */
  constructor(state) {
    this.state = state;
    /** @type {number|null} */
    this.cursor = null; // the step that is held, or that the replay is at; null: the latest
    this.playing = false;
    this.resting = 0;
  }

  /** The step that is shown. */
  get step() {
    return this.cursor ?? this.state.lastStep;
  }

  /** Be at a step (null: the latest), and play on from there or not. */
  set(step, playing = false) {
    this.cursor = step;
    this.playing = playing;
    this.resting = 0;
  }

  /** The step that many recorded steps later; undefined while there are none. */
  beside(by) {
    const { steps } = this.state;
    const at = steps.indexOf(this.step);
    return steps[Math.min(Math.max(at + by, 0), steps.length - 1)];
  }

  /** Play from here, or from the beginning when at the end. */
  play() {
    const atEnd = this.cursor === null || this.cursor === this.state.lastStep;
    this.set(atEnd ? this.state.firstStep : this.cursor, true);
  }

  /** The steps changed: a replay whose step is not among them begins again. */
  stepsChanged() {
    if (this.playing && !this.state.steps.includes(this.cursor)) this.cursor = this.state.firstStep;
  }

  /** One beat of the replay. @returns {boolean} whether the page is elsewhere now */
  beat() {
    if (!this.playing || this.cursor === null) return false;
    const { steps, run, firstStep } = this.state;
    const at = steps.indexOf(this.cursor);
    if (at < steps.length - 1) this.cursor = steps[at + 1];
    else if (!run?.recorded) this.set(null);
    else if (++this.resting >= REST_BEATS) this.set(firstStep, true);
    else return false;
    return true;
  }
}
