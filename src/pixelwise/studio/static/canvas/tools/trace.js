import * as api from "../../api.js";

/** Follows a thin structure between two clicks; each click draws the path so far and goes on from there. */
export function traceTool(desk) {
  let start = null;
  let path = null; // {to, points}: the last path the server found
  let request = null; // {controller, to}

  const reset = () => {
    request?.controller.abort();
    start = path = request = null;
    desk.marks.set("trace", null);
  };

  async function find(to) {
    if (request) {
      request.next = to; // the last request wins
      return;
    }
    const mine = { controller: new AbortController(), next: null };
    request = mine;
    try {
      const { points } = await api.path(desk.image(), start, to, mine.controller.signal);
      if (request !== mine) return;
      path = { to, points };
      desk.marks.set("trace", { points });
    } catch (error) {
      if (error.name !== "AbortError" && request === mine) desk.complain(error);
    }
    if (request !== mine) return;
    request = null;
    if (mine.next) find(mine.next);
  }

  async function commit(to) {
    const from = start;
    const image = desk.image();
    const value = desk.classIndex();
    if (value === null) return;
    let points = path && path.to[0] === to[0] && path.to[1] === to[1] ? path.points : null;
    request?.controller.abort();
    request = path = null;
    start = to;
    desk.marks.set("trace", { points: [to], dots: true });
    try {
      points ??= (await api.path(image, from, to)).points;
    } catch (error) {
      desk.complain(error);
      return;
    }
    if (image !== desk.image()) return;
    const stroke = desk.labels.begin(points, desk.brush(), value);
    desk.submit({ type: "stroke", points, width: stroke.width, class_index: value }, stroke);
  }

  return {
    showsBrush: true,
    down(point) {
      if (!desk.inImage(point)) return;
      if (start) return commit(point);
      start = point;
      desk.marks.set("trace", { points: [point], dots: true });
    },
    move(points) {
      const to = points[points.length - 1];
      if (start && desk.inImage(to)) find(to);
    },
    up() {},
    cancel: reset,
    key(event) {
      if (!start || event.key !== "Escape") return false;
      reset();
      return true;
    },
  };
}
