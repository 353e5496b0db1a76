// Class colours that people with any colour vision tell apart: Okabe and Ito's eight, then Paul Tol's muted ones.
export const PALETTE = [
  "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#7f7f7f",
  "#332288", "#882255", "#44aa99", "#999933", "#661100", "#88ccee", "#aa4499", "#117733",
];

/** What a colour of the palette is called, by its place in it; a colour of one's own has no name. */
export const colorName = (color, names) => names[PALETTE.indexOf(color.toLowerCase())] ?? color;

/** The first colour of the palette that no class has. */
export function freeColor(classes) {
  const taken = new Set(classes.map((c) => c.color.toLowerCase()));
  return PALETTE.find((color) => !taken.has(color)) ?? PALETTE[classes.length % PALETTE.length];
}

export function parseColor(color) {
  const value = Number.parseInt(color.slice(1), 16);
  return [(value >> 16) & 255, (value >> 8) & 255, value & 255];
}

/** Black or white, whichever stands out more on `color` (relative luminance of WCAG 2). */
export function inkOn(color) {
  const [r, g, b] = parseColor(color).map((v) => {
    const share = v / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? "#000" : "#fff";
}

const littleEndian = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

export const packed = (r, g, b, a) =>
  littleEndian ? ((a << 24) | (b << 16) | (g << 8) | r) >>> 0 : ((r << 24) | (g << 16) | (b << 8) | a) >>> 0;

/**
 * A table of 256 packed pixels: class index to colour; what no class has is transparent. The background is fainter, with
 * `background` of 255: a veil over the whole picture would hide what matters.
 */
function colorTable(classes, background) {
  const table = new Uint32Array(256);
  for (const one of classes) {
    if (one.index < 255) table[one.index] = packed(...parseColor(one.color), isBackground(one) ? background : 255);
  }
  return table;
}

export const labelTable = (classes) => colorTable(classes, 140);
export const predictionTable = (classes) => colorTable(classes, 100);

export const isBackground = ({ name }) => name.toLowerCase() === "background";

/** Uncertainty as light: what the model is sure of lies in the dark. */
export function veilTable() {
  return Uint32Array.from({ length: 256 }, (_, value) => packed(8, 9, 12, 255 - value));
}

const OBJECT_COLORS = 8;
const NEAR = 24; // pixels of the screen between objects that should differ in colour

/**
 * Chooses a colour for each object of a tile that has none in `chosen` yet, unlike those of the objects around it.
 * `ids` are the objects of its pixels, row by row.
 */
export function chooseObjectColors(ids, width, chosen) {
  const boxes = new Map();
  for (let i = 0; i < ids.length; i++) {
    if (ids[i] === 0) continue;
    const column = i % width;
    const row = (i - column) / width;
    const box = boxes.get(ids[i]);
    if (!box) boxes.set(ids[i], [row, column, row, column]);
    else boxes.set(ids[i], [box[0], Math.min(box[1], column), row, Math.max(box[3], column)]);
  }
  const places = [...boxes];
  for (const [id, box] of places) {
    if (chosen.has(id)) continue;
    const crowd = Array(OBJECT_COLORS).fill(0); // how near objects of each colour are
    for (const [other, place] of places) {
      if (!chosen.has(other)) continue;
      const gap = Math.max(0, place[0] - box[2], box[0] - place[2], place[1] - box[3], box[1] - place[3]);
      if (gap < NEAR) crowd[chosen.get(other)] += 1 + NEAR - gap;
    }
    const order = crowd.map((_, place) => (id * 5 + place) % crowd.length);
    chosen.set(id, order.reduce((best, place) => (crowd[place] < crowd[best] ? place : best)));
  }
}

/** The packed colours of objects: none that a class has, on which an outline would not be seen. */
export function objectColors(classes) {
  const taken = new Set(classes.map((c) => c.color.toLowerCase()));
  const free = PALETTE.filter((color) => !taken.has(color));
  return (free.length < OBJECT_COLORS ? PALETTE : free).slice(0, OBJECT_COLORS).map((color) => packed(...parseColor(color), 255));
}
