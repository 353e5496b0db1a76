// Actions on their way to the server: in order, one at a time, again and again until it answers.
import { Refusal, client, newName, post } from "./api.js";

const KEY = "pixelwise-queue";
const FIRST_PAUSE = 400; // milliseconds before the first retry; doubled up to the longest
const LONGEST_PAUSE = 8000;
const MOST_FAULTS = 3; // an action over which the server itself fails so often is given up

export class ActionQueue {
  /**
   * `onChange({waiting, failing})` is called whenever one of the two changes, `onTrouble(error)` when it begins to fail,
   * `onForeign()` when the server has become that of another project: what waits is kept for its own.
   */
  constructor(onChange, onTrouble, onForeign) {
    Object.assign(this, { onChange, onTrouble, onForeign });
    this.project = ""; // key of the project
    this.entries = [];
    this.busy = false;
    this.failing = false;
    this.wake = null;
  }

  /** The promise of the server's answer. An action's `id` makes a repeated request harmless. */
  push(action) {
    return new Promise((resolve, reject) => {
      this.entries.push({ action: { client, id: newName(), project: this.project, ...action }, resolve, reject });
      this.store();
      this.report();
      this.run();
    });
  }

  get key() {
    return `${KEY}-${this.project}`;
  }

  /** Actions of this tab that a reload cut off before the server answered. */
  unsent() {
    try {
      return JSON.parse(sessionStorage.getItem(this.key) ?? "[]");
    } catch {
      return [];
    }
  }

  /** Tries at once, as when the network is back. */
  hurry() {
    this.wake?.();
  }

  async run() {
    if (this.busy) return;
    this.busy = true;
    let pause = FIRST_PAUSE;
    let faults = 0;
    while (this.entries.length) {
      const { action, resolve, reject } = this.entries[0];
      try {
        const answer = await post("/api/actions", action);
        this.take();
        this.setFailing(false);
        pause = FIRST_PAUSE;
        faults = 0;
        resolve(answer);
      } catch (error) {
        if (error.where === "project") return this.onForeign();
        if (error.fault) faults += 1;
        if (error instanceof Refusal || faults >= MOST_FAULTS) {
          faults = 0;
          this.take();
          reject(error);
          continue;
        }
        if (!this.failing) this.onTrouble(error);
        this.setFailing(true);
        await new Promise((next) => {
          this.wake = next;
          setTimeout(next, pause);
        });
        pause = Math.min(2 * pause, LONGEST_PAUSE);
      }
    }
    this.busy = false;
  }

  take() {
    this.entries.shift();
    this.store();
    this.report();
  }

  setFailing(failing) {
    if (this.failing === failing) return;
    this.failing = failing;
    this.report();
  }

  report() {
    this.onChange({ waiting: this.entries.length, failing: this.failing });
  }

  store() {
    try {
      sessionStorage.setItem(this.key, JSON.stringify(this.entries.map((entry) => entry.action)));
    } catch {
      // No room or no storage: a reload before the answer loses what waits, and the page warns before it.
    }
  }
}
