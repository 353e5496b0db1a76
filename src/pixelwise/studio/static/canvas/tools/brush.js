import { NO_LABEL } from "../raster.js";

const MOST_POINTS = 4000; // of one stroke; a longer one goes on as another

/** Paints with the current class, or erases; the right button always erases; shift goes straight on from the last end. */
export function brushTool(desk, { erases }) {
  let stroke = null;
  let end = null; // of the last stroke, in the image `of`
  let of = null;

  return {
    drags: true,
    showsBrush: true,
    down(point, event) {
      const value = erases || event.button === 2 ? NO_LABEL : desk.classIndex();
      if (value === null) return;
      const points = event.shiftKey && end && of === desk.image() ? [end, point] : [point];
      stroke = desk.labels.begin(points, desk.brush(), value);
    },
    move(points) {
      if (!stroke) return;
      const apart = Math.max(0.25, stroke.width / 16, 0.5 / desk.scale());
      for (const point of points) {
        const [row, column] = stroke.points[stroke.points.length - 1];
        if (Math.hypot(point[0] - row, point[1] - column) < apart) continue;
        desk.labels.extend(stroke, point);
        if (stroke.points.length >= MOST_POINTS) {
          const { width, value } = stroke;
          this.up();
          stroke = desk.labels.begin([point], width, value);
        }
      }
    },
    up() {
      if (!stroke) return;
      end = stroke.points[stroke.points.length - 1];
      of = desk.image();
      const { points, width, value } = stroke;
      desk.submit({ type: "stroke", points, width, class_index: value }, stroke);
      stroke = null;
    },
    cancel() {
      if (stroke) desk.labels.withdraw(stroke);
      stroke = null;
    },
  };
}
