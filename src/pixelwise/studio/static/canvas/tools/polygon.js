const NEAR = 8; // screen pixels: a click this near to the first corner closes, to the last one too

/** Click the corners; Enter, a double click or the first corner closes; Backspace takes one back. */
export function polygonTool(desk) {
  let corners = [];

  const show = (pointer) => {
    const points = pointer ? [...corners, pointer] : corners;
    desk.marks.set("polygon", corners.length ? { points, closed: points.length > 2, dots: true } : null);
  };
  const near = (one, two) => Math.hypot(one[0] - two[0], one[1] - two[1]) * desk.scale() < NEAR;
  const reset = () => {
    corners = [];
    show(null);
  };
  const close = () => {
    const value = desk.classIndex();
    const points = corners;
    reset();
    if (value === null || points.length < 3) return;
    const stroke = desk.labels.addPolygon(points, value);
    desk.submit({ type: "polygon", points, class_index: value }, stroke);
  };

  return {
    down(point) {
      if (corners.length > 2 && (near(point, corners[0]) || near(point, corners[corners.length - 1]))) return close();
      if (corners.length && near(point, corners[corners.length - 1])) return;
      corners.push(point);
      show(null);
    },
    move(points) {
      if (corners.length) show(points[points.length - 1]);
    },
    up() {},
    cancel: reset,
    key(event) {
      if (!corners.length) return false;
      if (event.key === "Enter" && corners.length > 2) close();
      else if (event.key === "Backspace") {
        corners.pop();
        show(null);
      } else if (event.key === "Escape") reset();
      else return false;
      return true;
    },
  };
}
