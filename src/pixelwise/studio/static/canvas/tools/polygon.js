const NEAR = 8; // screen pixels: a click this near to the first corner closes
const SAME = 4; // screen pixels between the two clicks of a double click
const DOUBLE = 400; // milliseconds between them

/** Click the corners; Enter, a double click or the first corner closes; Backspace takes one back. */
export function polygonTool(desk) {
  let corners = [];
  let last = { point: null, time: -DOUBLE }; // the last click

  const show = (pointer) => {
    const points = pointer ? [...corners, pointer] : corners;
    desk.marks.set("polygon", corners.length ? { points, closed: points.length > 2, dots: true } : null);
  };
  const near = (one, two, most) => Math.hypot(one[0] - two[0], one[1] - two[1]) * desk.scale() < most;
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
    down(point, event) {
      const again = last.point !== null && event.timeStamp - last.time < DOUBLE && near(point, last.point, SAME);
      last = { point, time: event.timeStamp };
      if (again) return corners.length > 2 ? close() : undefined; // its first click was the corner, or has closed
      if (corners.length > 2 && near(point, corners[0], NEAR)) return close();
      if (corners.length && near(point, corners[corners.length - 1], SAME)) return;
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
        last = { point: null, time: -DOUBLE };
        show(null);
      } else if (event.key === "Escape") reset();
      else return false;
      return true;
    },
  };
}
