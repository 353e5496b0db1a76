// Labels: the server's tiles with the strokes on top that the server's tiles do not show yet.
import { url } from "../api.js";
import { NO_LABEL, grow, overlap, paintPolygon, paintSegment, paintStroke, strokeBox } from "./raster.js";
import { fetchTile } from "./sources.js";
import { TileLayer } from "./tile_layer.js";
import { TILE } from "./viewport.js";

const REMEMBER = 20_000; // milliseconds that a saved stroke is kept to repaint tiles that were on their way

export class LabelLayer extends TileLayer {
  constructor(stage, tools) {
    super("labels", null, tools);
    this.stage = stage;
    this.source = {
      priority: 0,
      isFresh: (entry) => entry.base != null && entry.version >= (entry.wanted ?? 0),
      load: (entry, signal) => this.load(entry, signal),
    };
    this.strokes = []; // in the order they were drawn: {points, width, value, box, polygon, number, time}
    this.table = new Uint32Array(256);
    this.pause = null;
  }

  async load(entry, signal) {
    const { image } = this.stage;
    const asked = Math.max(entry.wanted ?? 0, this.stage.number);
    const answer = await fetchTile(url.labels(image, entry.tile, asked), signal);
    const size = tileSize(entry);
    const { width, height, pixels } = answer ? await this.loader.decode(answer.blob) : size;
    if (this.stage.image !== image) return false;
    const version = Number(answer?.header("X-Number") ?? asked);
    if (version < (entry.version ?? -1)) return false;
    const base = new Uint8Array(width * height);
    if (answer) for (let i = 0; i < base.length; i++) base[i] = pixels[4 * i];
    else base.fill(NO_LABEL);
    Object.assign(entry, { base, version, width, height });
    this.rebuild(entry);
    this.forget();
    return true;
  }

  /** The tile's pixels anew: as the server has them, with every stroke that is newer. */
  rebuild(entry) {
    this.prepare(entry);
    if (entry.base) entry.data.set(entry.base);
    else entry.data.fill(NO_LABEL);
    for (const stroke of this.strokes) {
      if (stroke.number !== null && stroke.number <= (entry.version ?? -1)) continue;
      if (overlap(stroke.box, entry.box)) paint(target(entry), stroke);
    }
    this.upload(entry, [0, 0, entry.height, entry.width]);
  }

  prepare(entry) {
    if (!entry.width) Object.assign(entry, tileSize(entry));
    if (entry.data) return;
    entry.data = new Uint8Array(entry.width * entry.height).fill(NO_LABEL);
    entry.picture = document.createElement("canvas");
    entry.picture.width = entry.width;
    entry.picture.height = entry.height;
  }

  /** Brings a box of a tile's pixels, [top, left, bottom, right] in the tile, to its picture. */
  upload(entry, [top, left, bottom, right]) {
    const width = right - left;
    const image = new ImageData(width, bottom - top);
    const out = new Uint32Array(image.data.buffer);
    for (let r = top; r < bottom; r++) {
      const from = r * entry.width + left;
      const to = (r - top) * width;
      for (let c = 0; c < width; c++) out[to + c] = this.table[entry.data[from + c]];
    }
    entry.picture.getContext("2d").putImageData(image, left, top);
  }

  setColors(table) {
    this.table = table;
    for (const entry of this.entries.values()) if (entry.data) this.upload(entry, [0, 0, entry.height, entry.width]);
    this.damage();
  }

  /** A stroke that grows while the pen is down; `extend` adds a point. */
  begin(points, width, value) {
    const stroke = { points, width, value, box: strokeBox(points, width), number: null, time: 0 };
    this.strokes.push(stroke);
    this.paintOn((one) => paintStroke(one, points, width, value), stroke.box);
    return stroke;
  }

  extend(stroke, point) {
    const last = stroke.points[stroke.points.length - 1];
    stroke.points.push(point);
    const box = strokeBox([last, point], stroke.width);
    stroke.box = grow(stroke.box, ...box);
    this.paintOn((one) => paintSegment(one, [last, point], stroke.width, stroke.value), box);
  }

  addPolygon(points, value) {
    const stroke = { points, width: 0, value, box: strokeBox(points, 0), polygon: true, number: null, time: 0 };
    this.strokes.push(stroke);
    this.paintOn((one) => paintPolygon(one, points, value), stroke.box);
    return stroke;
  }

  /** Paints into the visible tiles at once; other tiles that the box touches are read again when they are seen. */
  paintOn(paintTarget, box) {
    const painted = new Set();
    for (const tile of this.viewport.tiles()) {
      const entry = this.entry(tile);
      if (!overlap(entry.box, box)) continue;
      this.prepare(entry);
      const changed = paintTarget(target(entry));
      if (changed) this.upload(entry, changed);
      painted.add(entry);
    }
    for (const [key, entry] of this.entries) {
      if (!painted.has(entry) && overlap(entry.box, box)) this.entries.delete(key);
    }
    this.damageBox(box);
  }

  /** The server has saved the stroke as action `number`. */
  confirm(stroke, number) {
    stroke.number = number;
    stroke.time = performance.now();
  }

  /** The server refused the stroke. */
  withdraw(stroke) {
    this.strokes = this.strokes.filter((other) => other !== stroke);
    for (const entry of this.entries.values()) if (entry.data && overlap(entry.box, stroke.box)) this.rebuild(entry);
    this.damageBox(stroke.box);
  }

  /** Action `number` changed a box of the image: what shows it is read again, after `delay` milliseconds. */
  changed(box, number, delay) {
    for (const entry of this.entries.values()) if (overlap(entry.box, box)) entry.wanted = number;
    clearTimeout(this.pause);
    if (delay === 0) this.request();
    else this.pause = setTimeout(() => this.request(), delay);
  }

  forget() {
    const old = performance.now() - REMEMBER;
    this.strokes = this.strokes.filter((stroke) => stroke.number === null || stroke.time > old);
  }

  clear() {
    this.strokes = [];
    super.clear();
  }

  /** The class index shown at a point, or 255. */
  at([row, column]) {
    const level = this.viewport.level();
    const span = TILE * 2 ** level;
    const entry = this.entries.get(`${level}/${Math.floor(row / span)}/${Math.floor(column / span)}`);
    if (!entry?.data) return NO_LABEL;
    const r = Math.floor((row % span) / 2 ** level);
    const c = Math.floor((column % span) / 2 ** level);
    return entry.data[r * entry.width + c];
  }
}

function tileSize({ tile, box }) {
  const step = 2 ** tile.level;
  return { width: Math.ceil((box[3] - box[1]) / step), height: Math.ceil((box[2] - box[0]) / step) };
}

const target = (entry) => ({
  data: entry.data,
  width: entry.width,
  height: entry.height,
  top: entry.tile.row * TILE,
  left: entry.tile.column * TILE,
  step: 2 ** entry.tile.level,
});

const paint = (tile, { points, width, value, polygon }) =>
  polygon ? paintPolygon(tile, points, value) : paintStroke(tile, points, width, value);
