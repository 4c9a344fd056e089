/** Other runs' curves, drawn beside the shown one's. */

import { inline } from "./format.js";
import { MOST_OTHERS } from "./view.js";

export class Overlays {
  /**
   * @param {import("./state.js").State} state
   * @param {import("./api.js").Api} api
   * @param {() => void} changed called when something came
   */
  constructor(state, api, changed) {
    this.state = state;
    this.api = api;
    this.changed = changed;
    this.found = new Map(); // key of a run -> {steps, metrics}, once they came
  }

  /** The keys with one more, or one less. @param {string[]} keys @param {string} key */
  static toggled(keys, key) {
    const kept = keys.filter((other) => other !== key);
    return kept.length < keys.length ? kept : [...keys, key].slice(-MOST_OTHERS);
  }

  /** Ask for the metrics of runs that have not come, or that are live. @param {string[]} keys */
  async fetch(keys) {
    for (const key of keys) {
      const run = this.state.runs.find((one) => one.key === key);
      if (!run || key === this.state.shown || (this.found.has(key) && !run.live)) continue;
      const answer = await this.api.metrics(key);
      if (!answer?.metrics) continue;
      this.found.set(key, answer);
      this.changed();
    }
  }

  /** Those that are there: name, steps as the shown run counts them, metrics. */
  drawn(keys) {
    const there = keys.filter((key) => key !== this.state.shown && this.found.has(key));
    return there.map((key) => {
      const { steps, metrics } = this.found.get(key);
      const run = this.state.runs.find((one) => one.key === key);
      const by = this.#shift(run);
      const name = inline(run?.name ?? key) + (by ? ` (from step ${Math.abs(by)})` : "");
      return { name, steps: steps.map((step) => step + by), metrics };
    });
  }

  /** A fork begins at the step that it was forked at. */
  #shift(other) {
    const { run } = this.state;
    if (run?.forked && run.forked.run === other?.name) return -run.forked.step;
    if (run && other?.forked && other.forked.run === run.name) return other.forked.step;
    return 0;
  }
}
