// Where the tiles of the layers come from: the picture itself, the prediction with its uncertainty, the objects.
import { Refusal, Unreachable, url } from "../api.js";
import { chooseObjectColors, packed, veilTable } from "../colors.js";
import { paintTable } from "./tile_layer.js";

export async function fetchTile(address, signal) {
  const answer = await fetch(address, { signal }).catch((error) => {
    throw error.name === "AbortError" ? error : new Unreachable(error.message);
  });
  if (answer.status === 204) return null;
  if (!answer.ok) {
    const body = await answer.json().catch(() => null);
    throw new Refusal(body?.error ?? { found: `${answer.status} ${answer.statusText}` });
  }
  return { blob: await answer.blob(), header: (name) => answer.headers.get(name) };
}

export function imageSource(stage) {
  return {
    priority: -1000, // nothing is drawn on before it is seen
    smooth: true,
    isFresh: (entry) =>
      entry.picture !== null &&
      entry.contrast === stage.contrastKey &&
      (entry.share === 1 || entry.share >= stage.share), // the server sends a coarse tile, and later a better one
    async load(entry, signal) {
      const { image, contrast, contrastKey } = stage;
      const answer = await fetchTile(url.image(image, entry.tile, contrast), signal);
      const picture = await createImageBitmap(answer.blob);
      if (stage.image !== image) return false;
      entry.picture?.close();
      Object.assign(entry, { picture, contrast: contrastKey, share: Number(answer.header("X-Share") ?? 1) });
      stage.onPicture();
      return true;
    },
  };
}

const ASK_PAUSE = 300; // milliseconds before the same tile is asked for again while the server is at work on it

/** Prediction and uncertainty come in one tile; the layer of the uncertainty draws the entries of the prediction's. */
export function predictionSource(stage) {
  return {
    priority: 100,
    isWanted: () => stage.layers.prediction.visible || stage.layers.uncertainty.visible,
    isFresh(entry) {
      if (entry.epoch === stage.epoch && entry.model >= stage.model && !entry.partial) return true;
      return entry.asked === stage.model && performance.now() - entry.askedAt < ASK_PAUSE;
    },
    async load(entry, signal) {
      const { image, model, epoch } = stage;
      Object.assign(entry, { asked: model, askedAt: performance.now() });
      const answer = await fetchTile(url.prediction(image, entry.tile, model), signal);
      if (!answer) {
        stage.lookAgain();
        return false;
      }
      const { width, height, pixels } = await stage.loader.decode(answer.blob);
      if (stage.image !== image || stage.epoch !== epoch) return false;
      const shown = Number(answer.header("X-Model") ?? model);
      let partial = false;
      for (let i = 0; i < pixels.length && !partial; i += 4) partial = pixels[i] === 255;
      if (shown < model || partial) stage.lookAgain();
      Object.assign(entry, { width, height, pixels, model: shown, epoch, partial });
      stage.paintPrediction(entry);
      stage.proposeAgain();
      stage.predictionArrived();
      return true;
    },
  };
}

export function paintPrediction(entry, table, withVeil) {
  const { width, height, pixels } = entry;
  entry.picture = paintTable(entry, "picture", width, height, (i) => table[pixels[4 * i]]);
  entry.veil = withVeil ? paintVeil(entry) : null;
}

const veil = veilTable();
const paintVeil = ({ width, height, pixels }) =>
  paintTable({}, "picture", width, height, (i) => (pixels[4 * i] === 255 ? 0 : veil[pixels[4 * i + 1]]));

/** The ids of the objects of a decoded tile, one a pixel. */
function idsOf(pixels) {
  const ids = new Uint16Array(pixels.length / 4);
  for (let i = 0; i < ids.length; i++) ids[i] = (pixels[4 * i] << 8) | pixels[4 * i + 1];
  return ids;
}

export function objectSource(stage) {
  let colors = new Map(); // of the open image's objects
  let colored = null;
  return {
    priority: 50,
    isFresh: (entry) => entry.version >= stage.objectsNumber,
    async load(entry, signal) {
      const { image, objectsNumber: number } = stage;
      const answer = await fetchTile(url.objects(image, entry.tile, number), signal);
      if (!answer) {
        entry.version = number;
        const had = entry.picture !== null;
        entry.picture = null;
        return had;
      }
      const { width, height, pixels } = await stage.loader.decode(answer.blob);
      if (stage.image !== image) return false;
      const ids = idsOf(pixels);
      Object.assign(entry, { width, height, ids, version: Number(answer.header("X-Number") ?? number) });
      if (colored !== image) [colors, colored] = [new Map(), image];
      chooseObjectColors(ids, width, colors);
      paintObjects(entry, colors, stage.objectColors);
      return true;
    },
  };
}

/** Objects that the model proposes: they change with the prediction, and with what a person draws. */
export function proposalSource(stage) {
  return {
    priority: 150,
    isFresh: (entry) => entry.version === stage.proposals,
    async load(entry, signal) {
      const { image, proposals } = stage;
      const answer = await fetchTile(url.proposals(image, entry.tile, proposals), signal);
      const tile = answer && (await stage.loader.decode(answer.blob));
      if (stage.image !== image) return false;
      const had = entry.picture !== null;
      Object.assign(entry, { version: proposals, picture: null });
      if (!tile) return had;
      const { width, height, pixels } = tile;
      const ids = idsOf(pixels);
      const isEdge = edgesOf(ids, width, height, 1);
      entry.picture = paintTable(entry, "picture", width, height, (i) => (ids[i] && isEdge(i) ? OUTLINE[dash(i, width)] : 0));
      return true;
    },
  };
}

const OUTLINE = [packed(255, 255, 255, 255), packed(20, 20, 24, 255)]; // dashes of both are seen on any picture
const dash = (i, width) => Math.floor((i % width) / 4 + Math.floor(i / width) / 4) % 2;

/** A function from the place of a pixel to whether another id lies within `reach` pixels to its sides. */
function edgesOf(ids, width, height, reach) {
  const isOther = (row, column, id) =>
    row >= 0 && column >= 0 && row < height && column < width && ids[row * width + column] !== id;
  return (i) => {
    const column = i % width;
    const row = (i - column) / width;
    for (let step = 1; step <= reach; step++) {
      if (
        isOther(row, column - step, ids[i]) ||
        isOther(row, column + step, ids[i]) ||
        isOther(row - step, column, ids[i]) ||
        isOther(row + step, column, ids[i])
      )
        return true;
    }
    return false;
  };
}

/** Objects as outlines, so that the picture inside stays visible. */
function paintObjects(entry, chosen, colors) {
  const { width, height, ids } = entry;
  const isEdge = edgesOf(ids, width, height, 2);
  entry.picture = paintTable(entry, "picture", width, height, (i) => {
    if (ids[i] === 0) return 0;
    const color = colors[chosen.get(ids[i])];
    return isEdge(i) ? color : (color & 0x00ffffff) | 0x18000000;
  });
}
