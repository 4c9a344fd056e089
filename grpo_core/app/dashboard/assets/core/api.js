/** What a page asks the server for, beside the feed: each request under a name, answers kept. */

/** @typedef {import("./messages.js").GlossaryEntry} GlossaryEntry */

export class Api {
  /** @param {import("./socket.js").Source} source */
  constructor(source) {
    this.source = source;
    /** @type {Promise<GlossaryEntry[]>|null} */
    this.entries = null; // of the glossary, once asked for
    this.codes = new Map(); // of functions, once asked for
  }

  /** The entries of the glossary; [] where they cannot be had. */
  glossary() {
    this.entries ??= this.source.get("glossary").then((answer) => {
      if (Array.isArray(answer)) return answer;
      this.entries = null; // ask again next time
      return [];
    });
    return this.entries;
  }

  /** Where a function of the kit stands, and its text; null where that cannot be had. */
  code(name) {
    if (!this.codes.has(name)) {
      const asked = this.source.get(`source?of=${encodeURIComponent(name)}`);
      this.codes.set(name, asked);
      asked.then((answer) => answer ?? this.codes.delete(name)); // ask again next time
    }
    return this.codes.get(name);
  }

  /** The metrics of a run. @returns {Promise<import("./messages.js").Metrics|null>} */
  metrics(run) {
    return this.source.get(`metrics?run=${encodeURIComponent(run)}`);
  }

  /** Train a new run. @param {object} options as in GRPOConfig */
  start(options) {
    return this.source.post("api/runs", options);
  }

  /** Train a new run from a model that another one saved. */
  fork(run, step, preset, options) {
    return this.source.post(`api/runs/${encodeURIComponent(run)}/fork`, { step, preset, options });
  }

  /** @param {string} run @param {"run"|"pause"|"step"|"stop"} want */
  control(run, want) {
    return this.source.post(`api/runs/${encodeURIComponent(run)}/control`, { want });
  }
}
