// Everything that is said to the server.
export class Refusal extends Error {
  /** The server understood and said no: `expected` and `remedy` tell why and what to do. */
  constructor({ where = "", found, expected = "", remedy = "" }) {
    super(found);
    Object.assign(this, { where, expected, remedy });
  }
}

/** No answer, or one that says that the server cannot do it now; `fault` is true where pixelwise itself failed. */
export class Unreachable extends Error {
  constructor(message, { expected = "", remedy = "", fault = false } = {}) {
    super(message);
    Object.assign(this, { expected, remedy, fault });
  }
}

/** What this window calls itself, so that it can tell its own actions from others'. */
export const client = newName();

export function newName() {
  return Array.from(crypto.getRandomValues(new Uint8Array(9)), (byte) => byte.toString(36).padStart(2, "0")).join("");
}

async function request(path, options) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Unreachable(error.message);
  }
  if (answer.status === 204) return null;
  const body = await answer.json().catch(() => null);
  if (answer.ok && body !== null) return body;
  const isShut = answer.status === 401 || answer.status === 403; // another server than the page came from: nothing is given up
  if (answer.status >= 400 && answer.status < 500 && !isShut) {
    throw new Refusal(body?.error ?? { found: `${answer.status} ${answer.statusText}` });
  }
  const { found, ...rest } = body?.error ?? { found: `${answer.status} ${answer.statusText}` };
  throw new Unreachable(found, { ...rest, fault: answer.status === 500 });
}

export const getJson = (path, signal) => request(path, { signal });

export const post = (path, body, signal) =>
  request(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
    signal,
  });

export const project = () => getJson("/api/project");
export const curve = () => getJson("/api/curve");
export const suggestPoint = (image) => getJson(`/api/suggest?image=${image}`);
export const suggestImage = () => getJson("/api/suggest/image");
export const sendView = (view) => post("/api/view", { client, ...view });
export const setLive = (body) => post("/api/live", body);
export const setModel = (use) => post("/api/model", { use });
export const training = (body) => post("/api/training", body);
export const exportAs = (kind) => post("/api/export", { kind });

export function path(image, from, to, signal) {
  const point = ([row, column]) => `${row.toFixed(2)},${column.toFixed(2)}`;
  return getJson(`/api/images/${image}/path?from=${point(from)}&to=${point(to)}`, signal);
}

export const url = {
  image: (id, tile, { low, high }) =>
    `/api/images/${id}/tiles/${tile.level}/${tile.row}/${tile.column}.jpg?low=${low}&high=${high}`,
  labels: (id, tile, version) => `/api/images/${id}/labels/${tile.level}/${tile.row}/${tile.column}.png?v=${version}`,
  objects: (id, tile, version) => `/api/images/${id}/objects/${tile.level}/${tile.row}/${tile.column}.png?v=${version}`,
  proposals: (id, tile, version) =>
    `/api/images/${id}/proposals/${tile.level}/${tile.row}/${tile.column}.png?v=${version}`,
  prediction: (id, tile, model) =>
    `/api/images/${id}/prediction/${tile.level}/${tile.row}/${tile.column}.png?model=${model}`,
  thumbnail: (id, version) => `/api/images/${id}/thumbnail.jpg?v=${version}`,
};

const EVENTS = ["action", "picture", "model", "features", "training", "project"];

/** Opens the stream of events after action `number()`; the browser reconnects by itself and asks for what it missed. */
export function listen(onEvent, onConnection, number) {
  let source = null;
  const open = () => {
    source = new EventSource(`/api/events?client=${client}&after=${number()}`);
    source.onopen = () => onConnection(true);
    source.onerror = () => {
      onConnection(false);
      if (source.readyState === EventSource.CLOSED) setTimeout(reopen, 1000); // refused, as while a server starts
    };
    for (const name of EVENTS) source.addEventListener(name, (event) => onEvent(name, JSON.parse(event.data)));
  };
  const reopen = () => {
    if (source?.readyState === EventSource.CLOSED) open();
  };
  const close = () => {
    source.close();
    onConnection(false); // what is missed is read when it is seen again
  };
  open();
  // A browser allows six connections to a server: a tab that nobody sees gives its own back.
  let hidden = null;
  document.addEventListener("visibilitychange", () => {
    clearTimeout(hidden);
    if (document.hidden) hidden = setTimeout(close, 10_000);
    else reopen();
  });
}
