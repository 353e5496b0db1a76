// Strokes and polygons as pixels of label tiles, by the same rules as the server's.
//
// A point is [row, column] in pixels of the full image. A target is one tile of a pyramid:
// {data: Uint8Array, width, height, top, left, step}, where its pixel (r, c) stands for the block of step x step pixels
// that begins at ((top + r) * step, (left + c) * step). With step 1 the result is exact; in coarser tiles a block counts
// as painted as soon as the stroke touches it, and as erased only when all of it is.
export const NO_LABEL = 255;

/** Sets the pixels whose centre is at most width / 2 away from the segment a-b, and those that hold a and b. */
export function paintSegment(target, [a, b], width, value) {
  const { data, step, top, left } = target;
  const radius = reach(width, step, value);
  if (radius < 0) return null;
  const [ar, ac] = inTile(target, a);
  const [br, bc] = inTile(target, b);
  const first = Math.max(0, Math.ceil(Math.min(ar, br) - radius - 0.5));
  const last = Math.min(target.height - 1, Math.floor(Math.max(ar, br) + radius - 0.5));
  const dr = br - ar;
  const dc = bc - ac;
  const length2 = dr * dr + dc * dc;
  const limit = radius * radius;
  let box = null;
  for (let r = first; r <= last; r++) {
    const y = r + 0.5 - ar;
    // Where the segment is within the radius of this row: between these two shares of its length.
    let from = 0;
    let to = 1;
    if (dr !== 0) {
      const one = (y - radius) / dr;
      const two = (y + radius) / dr;
      from = Math.max(0, Math.min(one, two));
      to = Math.min(1, Math.max(one, two));
      if (from > to) continue;
    }
    const one = ac + from * dc;
    const two = ac + to * dc;
    const start = Math.max(0, Math.floor(Math.min(one, two) - radius - 0.5));
    const end = Math.min(target.width - 1, Math.ceil(Math.max(one, two) + radius - 0.5));
    let low = -1;
    let high = -1;
    for (let c = start; c <= end; c++) {
      const x = c + 0.5 - ac;
      const share = length2 > 0 ? Math.min(1, Math.max(0, (y * dr + x * dc) / length2)) : 0;
      const ey = y - share * dr;
      const ex = x - share * dc;
      if (ey * ey + ex * ex > limit) continue;
      data[r * target.width + c] = value;
      if (low < 0) low = c;
      high = c;
    }
    if (low >= 0) box = grow(box, r, low, r + 1, high + 1);
  }
  if (step === 1 || value !== NO_LABEL) {
    for (const [row, column] of [a, b]) {
      const r = Math.floor(row / step) - top;
      const c = Math.floor(column / step) - left;
      if (r < 0 || c < 0 || r >= target.height || c >= target.width) continue;
      data[r * target.width + c] = value;
      box = grow(box, r, c, r + 1, c + 1);
    }
  }
  return box;
}

export function paintStroke(target, points, width, value) {
  let box = null;
  for (let i = 0; i < Math.max(1, points.length - 1); i++) {
    const part = paintSegment(target, [points[i], points[i + 1] ?? points[i]], width, value);
    if (part) box = grow(box, ...part);
  }
  return box;
}

/** Sets the pixels whose centre lies inside the polygon (even-odd rule). */
export function paintPolygon(target, points, value) {
  const corners = points.map((point) => inTile(target, point));
  const rows = corners.map(([row]) => row);
  const first = Math.max(0, Math.ceil(Math.min(...rows) - 0.5));
  const last = Math.min(target.height - 1, Math.floor(Math.max(...rows) - 0.5));
  let box = null;
  for (let r = first; r <= last; r++) {
    const y = r + 0.5;
    const crossings = [];
    for (let i = 0; i < corners.length; i++) {
      const [r0, c0] = corners[i];
      const [r1, c1] = corners[(i + 1) % corners.length];
      if (r0 <= y !== r1 <= y) crossings.push(c0 + ((y - r0) / (r1 - r0)) * (c1 - c0));
    }
    crossings.sort((one, two) => one - two);
    for (let i = 0; i + 1 < crossings.length; i += 2) {
      const start = Math.max(0, Math.ceil(crossings[i] - 0.5));
      const end = Math.min(target.width, Math.ceil(crossings[i + 1] - 0.5));
      if (start >= end) continue;
      target.data.fill(value, r * target.width + start, r * target.width + end);
      box = grow(box, r, start, r + 1, end);
    }
  }
  return box;
}

/** The box [top, left, bottom, right] in pixels of the image outside of which a stroke sets nothing. */
export function strokeBox(points, width) {
  const margin = width / 2 + 1;
  let box = null;
  for (const [row, column] of points) box = grow(box, row - margin, column - margin, row + margin, column + margin);
  return box;
}

export const overlap = (one, two) => one[0] < two[2] && two[0] < one[2] && one[1] < two[3] && two[1] < one[3];

export function grow(box, top, left, bottom, right) {
  if (!box) return [top, left, bottom, right];
  return [Math.min(box[0], top), Math.min(box[1], left), Math.max(box[2], bottom), Math.max(box[3], right)];
}

const inTile = ({ step, top, left }, [row, column]) => [row / step - top, column / step - left];

function reach(width, step, value) {
  if (step === 1) return width / 2;
  return width / 2 / step + (value === NO_LABEL ? -0.5 : 0.5);
}
