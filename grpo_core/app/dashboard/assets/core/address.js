/** The page's address, which holds its view: written when that changes, read when somebody did. */

import { readView, writeView } from "./view.js";

const LATE_MS = 1000; // until the address is written again that a browser would not write

export class Address {
  /**
   * @param {Location|null} place whose hash holds the view; null where a page has no address
   * @param {(view: import("./messages.js").View) => void} changed somebody asked for another view
   */
  constructor(place, changed) {
    this.place = place;
    this.hash = place?.hash ?? ""; // as it should be
    this.late = 0;
    // newURL: by now the page may have written the address it had over the one that was asked for
    this.listener = ({ newURL }) => {
      const view = readView(new URL(newURL).hash);
      if (writeView(view) !== this.hash) changed(view);
    };
    if (place) addEventListener("hashchange", this.listener);
  }

  read() {
    return readView(this.place?.hash ?? "");
  }

  /**
   * The view into the address. Browsers limit how many they write in a few seconds (Safari 100,
   * Firefox and Chromium 200; the first two throw), which a slider that is drawn about passes.
   */
  write(view) {
    this.hash = writeView(view);
    if (this.place) this.#put();
  }

  #put() {
    const { hash, place } = this;
    if (hash === place.hash) return;
    try {
      history.replaceState(null, "", hash || place.pathname + place.search);
    } catch {
      // then later
    }
    if (hash === place.hash || this.late) return;
    this.late = setTimeout(() => {
      this.late = 0;
      this.#put();
    }, LATE_MS);
  }

  close() {
    clearTimeout(this.late);
    if (this.place) removeEventListener("hashchange", this.listener);
  }
}
