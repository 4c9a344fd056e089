/**
 * What is tried on the group that is shown: other weights, another method, other words.
 *
 * The numbers are the server's, worked out from the record (grpo_core/analysis/lens): nothing is computed
 * here. One question is under way at a time; what changes meanwhile is asked next.
 */

/** The name of the method that a run was trained with. */
export const OWN = "own";

export class Trial {
  /**
   * @param {(path: string, body: object) => Promise<object>} post
   * @param {() => void} changed called when an answer came
   */
  constructor(post, changed) {
    this.post = post;
    this.changed = changed;
    this.answer = null; // of the server, to what was asked last
    this.problem = null; // why there is none
    this.preset = OWN;
    this.weights = {};
    this.edits = {};
    this.run = null;
    this.place = null; // run, step and group
    this.record = null; // the board message it is about
    this.token = null;
    this.wanted = false; // whether anybody looks at the numbers
    this.asked = null; // of the question under way, or of the last
    this.busy = false;
  }

  /** Whether something differs from the record. */
  get active() {
    return this.preset !== OWN || size(this.weights) + size(this.edits) > 0;
  }

  /**
   * The board after the trial, or null where there is none. When the run has gone a step on, it is
   * the step before's until the next answer is there: the record in between would flicker.
   */
  get board() {
    return this.active && this.answer ? this.answer.shown : null;
  }

  /**
   * What is looked at; called whenever that may have changed.
   * @param {object|null} record the board message of the run
   * @param {[number, number]|null} token
   * @param {boolean} wanted whether anybody looks at the numbers
   */
  about(record, token, wanted) {
    const place = record?.groups?.length
      ? JSON.stringify([record.run, record.step, record.group])
      : null;
    if (record && record.run !== this.run) {
      this.run = record.run;
      this.preset = OWN;
      this.weights = {}; // another run may have other rewards
      this.answer = this.problem = null;
    }
    if (place !== this.place) {
      this.place = place;
      this.edits = {};
      if (!this.active) this.answer = this.problem = null;
    }
    this.record = record;
    this.token = token;
    this.wanted = wanted;
    this.#ask();
  }

  choosePreset(preset) {
    this.preset = preset;
    this.#ask();
  }

  /** @param {string} name of a reward @param {number} weight */
  weigh(name, weight) {
    this.weights = { ...this.weights, [name]: weight };
    this.#ask();
  }

  /** @param {number} completion @param {string|null} text null for what was sampled */
  edit(completion, text) {
    const { [completion]: _, ...others } = this.edits;
    this.edits = text === null ? others : { ...others, [completion]: text };
    this.#ask();
  }

  /** Back to the record. */
  reset() {
    this.preset = OWN;
    this.weights = {};
    this.edits = {};
    this.#ask();
  }

  async #ask() {
    if (this.place === null || this.record?.masked || !(this.wanted || this.active)) return;
    const [run, step, group] = JSON.parse(this.place);
    const { preset, weights, edits } = this;
    const question = JSON.stringify({
      run,
      step,
      group,
      preset,
      weights,
      edits,
      token: this.token,
    });
    if (this.busy || question === this.asked) return;
    this.busy = true;
    this.asked = question;
    const { place, record } = this;
    const answer = await this.post("api/lens", JSON.parse(question));
    this.busy = false;
    if (answer.error) {
      this.problem = answer.error;
      this.answer = null;
    } else {
      this.problem = null;
      this.answer = { ...answer, place, shown: { ...record, ...answer.board } };
    }
    this.changed();
    this.#ask();
  }
}

function size(values) {
  return Object.keys(values).length;
}
