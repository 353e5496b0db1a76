// Which part of the image is on the screen. Screen pixels are CSS pixels, measured from the stage's upper left corner.
export const TILE = 512;

export class Viewport {
  constructor(onChange) {
    this.onChange = onChange;
    this.width = 1; // of the stage
    this.height = 1;
    this.ratio = 1; // device pixels per CSS pixel
    this.size = [1, 1]; // of the image: height, width
    this.scale = 1; // CSS pixels per pixel of the image
    this.row = 0; // of the image, at the stage's upper edge
    this.column = 0;
    this.isOpen = false; // until there is an image
    this.fitted = true; // follows the stage's size until one zooms or pans
  }

  open(size) {
    this.size = size;
    this.isOpen = true;
    this.fit();
  }

  resize(width, height, ratio) {
    const [row, column] = this.toImage(this.width / 2, this.height / 2);
    Object.assign(this, { width, height, ratio });
    if (this.fitted) this.fit();
    else this.centre(row, column);
  }

  fitScale() {
    const margin = Math.min(24, this.width / 10, this.height / 10);
    return Math.min((this.width - 2 * margin) / this.size[1], (this.height - 2 * margin) / this.size[0]);
  }

  fit() {
    this.scale = Math.min(this.fitScale(), 8);
    this.fitted = true;
    this.centre(this.size[0] / 2, this.size[1] / 2);
  }

  centre(row, column) {
    this.row = row - this.height / 2 / this.scale;
    this.column = column - this.width / 2 / this.scale;
    this.changed();
  }

  /** Zooms so that the point of the image at the screen's (x, y) stays there. */
  zoomAt(x, y, factor) {
    const [row, column] = this.toImage(x, y);
    const fit = this.fitScale();
    this.scale = Math.min(Math.max(this.scale * factor, Math.min(fit, 1) / 2), Math.max(40, fit));
    this.row = row - y / this.scale;
    this.column = column - x / this.scale;
    this.fitted = false;
    this.changed();
  }

  panBy(x, y) {
    this.row -= y / this.scale;
    this.column -= x / this.scale;
    this.fitted = false;
    this.changed();
  }

  /** Moves the view so far that the point is at least `margin` screen pixels inside. */
  reveal([row, column], margin) {
    const [x, y] = this.toScreen(row, column);
    const dx = clamp(x, margin, this.width - margin) - x;
    const dy = clamp(y, margin, this.height - margin) - y;
    if (dx || dy) this.panBy(dx, dy);
  }

  changed() {
    // An eighth of the stage stays covered by the image, so that nobody loses it.
    const { size, scale } = this;
    const rest = Math.min(this.width, this.height) / 8 / scale;
    this.row = clamp(this.row, rest - this.height / scale, size[0] - rest);
    this.column = clamp(this.column, rest - this.width / scale, size[1] - rest);
    this.onChange();
  }

  toImage(x, y) {
    return [this.row + y / this.scale, this.column + x / this.scale];
  }

  toScreen(row, column) {
    return [(column - this.column) * this.scale, (row - this.row) * this.scale];
  }

  contains([row, column]) {
    return row >= 0 && column >= 0 && row < this.size[0] && column < this.size[1];
  }

  /** [top, left, bottom, right] of the visible part, in whole pixels of the image. */
  box() {
    return [
      Math.max(0, Math.floor(this.row)),
      Math.max(0, Math.floor(this.column)),
      Math.min(this.size[0], Math.ceil(this.row + this.height / this.scale)),
      Math.min(this.size[1], Math.ceil(this.column + this.width / this.scale)),
    ];
  }

  topLevel() {
    return Math.max(0, Math.ceil(Math.log2(Math.max(...this.size) / TILE)));
  }

  /** The level of the pyramid whose pixels are nearest in size to those of the screen. */
  level() {
    return clamp(Math.round(-Math.log2(this.scale * this.ratio)), 0, this.topLevel());
  }

  /** The tiles of a level that are visible, those in the middle first. */
  tiles(level = this.level()) {
    const span = TILE * 2 ** level;
    const [top, left, bottom, right] = this.box();
    const tiles = [];
    for (let row = Math.floor(top / span); row * span < bottom; row++) {
      for (let column = Math.floor(left / span); column * span < right; column++) tiles.push({ level, row, column });
    }
    const middle = [(top + bottom) / 2 / span - 0.5, (left + right) / 2 / span - 0.5];
    const away = (tile) => (tile.row - middle[0]) ** 2 + (tile.column - middle[1]) ** 2;
    return tiles.sort((one, two) => away(one) - away(two));
  }
}

export const tileKey = ({ level, row, column }) => `${level}/${row}/${column}`;

/** The tile's part of the image: [top, left, bottom, right]. */
export function tileBox({ level, row, column }, [height, width]) {
  const span = TILE * 2 ** level;
  return [row * span, column * span, Math.min(height, (row + 1) * span), Math.min(width, (column + 1) * span)];
}

const clamp = (value, low, high) => (low > high ? (low + high) / 2 : Math.min(Math.max(value, low), high));
