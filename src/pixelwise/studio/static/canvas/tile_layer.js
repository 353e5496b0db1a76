// One layer of the picture: a canvas, the tiles it is drawn from and what is still to be fetched.
import { TILE, tileBox, tileKey } from "./viewport.js";

const SMALLEST_CACHE = 96; // tiles; a screen of 3840 x 2160 shows at most 60 at a time

export class TileLayer {
  /**
   * @param {string} name of the layer
   * @param {object} source {isFresh(entry), load(entry, signal): Promise of whether the picture changed}; an entry is
   *   {tile, box, picture: drawable or null} and whatever else the source keeps with a tile; `picture` of the source
   *   names another key of the entry that is drawn, `isWanted()` tells whether tiles are fetched while nothing is drawn
   */
  constructor(name, source, { viewport, loader, invalidate, report }) {
    Object.assign(this, { name, source, viewport, loader, invalidate, report });
    this.canvas = document.createElement("canvas");
    this.canvas.className = `layer ${name}`;
    this.context = this.canvas.getContext("2d");
    this.entries = new Map();
    this.opacity = 1;
    this.strength = 1; // less for what is out of date
    this.needed = true; // false as long as there is nothing to show
    this.outside = null; // dirty part in device pixels: null nothing, "all", or [left, top, right, bottom]
  }

  get visible() {
    return this.opacity > 0 && this.needed;
  }

  /** Changes how the layer is shown: {opacity, strength, needed}. */
  show(change) {
    const before = this.visible;
    Object.assign(this, change);
    this.canvas.style.opacity = String(this.opacity * this.strength);
    this.canvas.hidden = !this.visible; // a canvas that is shown costs time in every frame
    if (this.visible && !before) {
      this.request();
      this.damage();
    }
  }

  clear() {
    this.entries.clear();
    this.damage();
  }

  entry(tile) {
    const key = tileKey(tile);
    let entry = this.entries.get(key);
    if (!entry) entry = { tile, box: tileBox(tile, this.viewport.size), picture: null };
    else this.entries.delete(key); // and back at the end: the map is in the order of use
    this.entries.set(key, entry);
    return entry;
  }

  /** The tiles this layer needs for the present view. */
  wantedTiles() {
    const top = { level: this.viewport.topLevel(), row: 0, column: 0 };
    const tiles = this.viewport.tiles();
    return tiles.length && tiles[0].level === top.level ? tiles : [top, ...tiles];
  }

  /** Asks for every visible tile that is missing or out of date. */
  request() {
    if (!this.viewport.isOpen || !(this.source.isWanted?.() ?? this.visible)) return;
    this.wantedTiles().forEach((tile, i) => {
      const entry = this.entry(tile);
      if (this.source.isFresh(entry)) return;
      this.loader.ask(`${this.name}/${tileKey(tile)}`, i + this.source.priority, async (signal) => {
        try {
          if (await this.source.load(entry, signal)) this.damageBox(entry.box);
        } catch (error) {
          this.report(error);
          return;
        }
        if (!this.source.isFresh(entry)) setTimeout(() => this.request()); // it changed while the tile was on its way
      });
    });
    this.prune();
  }

  prune() {
    const limit = Math.max(SMALLEST_CACHE, 2 * this.viewport.tiles().length);
    for (const [key, entry] of this.entries) {
      if (this.entries.size <= limit) break;
      if (entry.tile.level === this.viewport.topLevel()) continue;
      this.entries.delete(key);
    }
  }

  damage() {
    this.outside = "all";
    this.invalidate();
  }

  /** Marks a box of the image as to be drawn again. */
  damageBox([top, left, bottom, right]) {
    if (this.outside === "all") return;
    const [x0, y0] = this.toDevice(top, left);
    const [x1, y1] = this.toDevice(bottom, right);
    const rect = [Math.floor(x0) - 1, Math.floor(y0) - 1, Math.ceil(x1) + 1, Math.ceil(y1) + 1];
    const old = this.outside;
    this.outside = old
      ? [Math.min(old[0], rect[0]), Math.min(old[1], rect[1]), Math.max(old[2], rect[2]), Math.max(old[3], rect[3])]
      : rect;
    this.invalidate();
  }

  toDevice(row, column) {
    const { scale, ratio } = this.viewport;
    return [(column - this.viewport.column) * scale * ratio, (row - this.viewport.row) * scale * ratio];
  }

  resize(width, height) {
    this.canvas.width = width;
    this.canvas.height = height;
    this.damage();
  }

  /** Draws what is dirty; one call a frame. */
  draw() {
    const part = this.outside;
    if (!part || !this.visible) return;
    this.outside = null;
    const { context, canvas, viewport } = this;
    const rect =
      part === "all"
        ? [0, 0, canvas.width, canvas.height]
        : [Math.max(0, part[0]), Math.max(0, part[1]), Math.min(canvas.width, part[2]), Math.min(canvas.height, part[3])];
    if (rect[0] >= rect[2] || rect[1] >= rect[3]) return;
    context.save();
    context.beginPath();
    context.rect(rect[0], rect[1], rect[2] - rect[0], rect[3] - rect[1]);
    context.clip();
    context.clearRect(rect[0], rect[1], rect[2] - rect[0], rect[3] - rect[1]);
    for (const tile of viewport.tiles()) {
      const box = tileBox(tile, viewport.size);
      const [x0, y0] = this.toDevice(box[0], box[1]).map(Math.round);
      const [x1, y1] = this.toDevice(box[2], box[3]).map(Math.round);
      if (x0 >= rect[2] || y0 >= rect[3] || x1 <= rect[0] || y1 <= rect[1]) continue;
      this.drawTile(tile, x0, y0, x1 - x0, y1 - y0);
    }
    context.restore();
  }

  /** Draws a tile, or the part of a coarser one while it is not there. */
  drawTile(tile, x, y, width, height) {
    const top = this.viewport.topLevel();
    for (let up = 0; tile.level + up <= top; up++) {
      const parent = { level: tile.level + up, row: tile.row >> up, column: tile.column >> up };
      const picture = this.entries.get(tileKey(parent))?.[this.source.picture ?? "picture"];
      if (!picture) continue;
      const pixel = 2 ** parent.level * this.viewport.scale * this.viewport.ratio; // device pixels a pixel of the tile
      this.context.imageSmoothingEnabled = this.source.smooth ? pixel < 3 : pixel < 1;
      if (up === 0) this.context.drawImage(picture, x, y, width, height);
      else {
        const share = TILE / 2 ** up;
        const left = (tile.column - (parent.column << up)) * share;
        const upper = (tile.row - (parent.row << up)) * share;
        const w = Math.min(share, picture.width - left);
        const h = Math.min(share, picture.height - upper);
        if (w > 0 && h > 0) this.context.drawImage(picture, left, upper, w, h, x, y, width, height);
      }
      return;
    }
  }
}

/** A canvas of the size of a tile, painted from numbers by a table of packed colours. */
export function paintTable(entry, name, width, height, colorAt) {
  let canvas = entry[name];
  if (canvas?.width !== width || canvas?.height !== height) {
    canvas = document.createElement("canvas");
    canvas.width = width;
    canvas.height = height;
    entry[name] = canvas;
  }
  const image = new ImageData(width, height);
  const out = new Uint32Array(image.data.buffer);
  for (let i = 0; i < out.length; i++) out[i] = colorAt(i);
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}
