// Fetches and decodes tiles, a few at a time: actions must find a free connection.
const AT_ONCE = 4;

export class Loader {
  constructor() {
    this.waiting = []; // of {key, priority, run}
    this.running = new Map(); // key to AbortController
    this.worker = new Worker(new URL("./decode_worker.js", import.meta.url), { type: "module" });
    this.decoding = new Map();
    this.count = 0;
    this.worker.onmessage = ({ data }) => {
      const { resolve, reject } = this.decoding.get(data.number);
      this.decoding.delete(data.number);
      if (data.failure) reject(new Error(data.failure));
      else resolve(data);
    };
  }

  has(key) {
    return this.running.has(key) || this.waiting.some((request) => request.key === key);
  }

  /** Asks for a tile unless it is asked for already; `run(signal)` fetches it, draws it and throws nothing. */
  ask(key, priority, run) {
    if (this.running.has(key)) return;
    const request = this.waiting.find((other) => other.key === key);
    if (request) Object.assign(request, { priority, run });
    else this.waiting.push({ key, priority, run });
    this.next();
  }

  /** Drops what waits and no longer is wanted. */
  keepOnly(isWanted) {
    this.waiting = this.waiting.filter((request) => isWanted(request.key));
    for (const [key, controller] of this.running) {
      if (isWanted(key)) continue;
      controller.abort();
      this.running.delete(key); // so that it can be asked for again at once
    }
  }

  next() {
    while (this.running.size < AT_ONCE && this.waiting.length) {
      let best = 0;
      this.waiting.forEach((request, i) => {
        if (request.priority < this.waiting[best].priority) best = i;
      });
      const [{ key, run }] = this.waiting.splice(best, 1);
      const controller = new AbortController();
      this.running.set(key, controller);
      run(controller.signal).finally(() => {
        if (this.running.get(key) === controller) this.running.delete(key);
        this.next();
      });
    }
  }

  /** {width, height, pixels: Uint8ClampedArray RGBA} of a PNG, exactly as stored; decoded in the background. */
  decode(blob) {
    const number = this.count++;
    return new Promise((resolve, reject) => {
      this.decoding.set(number, { resolve, reject });
      this.worker.postMessage({ number, blob });
    });
  }
}
