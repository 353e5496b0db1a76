// The stage: the layers of the open image, drawn at most once a frame, and the pointer on top of them.
import * as api from "../api.js";
import { labelTable, objectColors, predictionTable } from "../colors.js";
import { LabelLayer } from "./label_layer.js";
import { Loader } from "./loader.js";
import { Marks } from "./marks.js";
import { imageSource, objectSource, paintPrediction, predictionSource, proposalSource } from "./sources.js";
import { TileLayer } from "./tile_layer.js";
import { Viewport } from "./viewport.js";

const VIEW_PAUSE = 120; // milliseconds of rest before the server hears what is looked at
const FIRST_LOOK = 500; // milliseconds before missing predictions are asked for again; doubled up to the longest
const LONGEST_LOOK = 4000;

export class Stage {
  /**
   * `onView()` after a change of the view, `onPicture()` when a part of the picture is there, `onPrediction(model)` when
   * prediction has arrived and all that is visible is of that model or a newer one, `onFailure(error)` where a tile
   * cannot be had.
   */
  constructor(listeners) {
    Object.assign(this, listeners);
    this.element = document.createElement("div");
    this.element.className = "stage";
    this.image = null; // id
    this.number = 0; // of the last known action
    this.objectsNumber = 0; // of the last action that may have changed objects
    this.model = 0; // of the newest prediction
    this.proposals = 0; // grows when other objects may be proposed
    this.epoch = 0; // grows when class indices get another meaning
    this.contrast = { low: 1, high: 99 };
    this.share = 0; // of the open image that the server knows: coarse tiles made from less are asked for again
    this.table = new Uint32Array(256); // colours of the prediction
    this.objectColors = objectColors([]);
    this.frame = null;
    this.viewport = new Viewport(() => this.viewChanged());
    this.loader = new Loader();
    this.layers = this.makeLayers();
    for (const layer of Object.values(this.layers)) this.element.append(layer.canvas);
    this.setHasObjects(false);
    this.setProposing(false);
    this.setHasModel(false);
    this.marks = new Marks(this.viewport);
    this.element.append(this.marks.element);
    new ResizeObserver(() => this.resize()).observe(this.element);
  }

  makeLayers() {
    const tools = { viewport: this.viewport, loader: this.loader, invalidate: () => this.invalidate(), report: this.onFailure };
    const prediction = new TileLayer("prediction", predictionSource(this), tools);
    const veil = { picture: "veil", priority: 0, isWanted: () => false, isFresh: () => true };
    const uncertainty = new TileLayer("uncertainty", veil, tools);
    uncertainty.entries = prediction.entries;
    return {
      image: new TileLayer("image", imageSource(this), tools),
      prediction,
      uncertainty,
      labels: new LabelLayer(this, tools),
      proposals: new TileLayer("proposals", proposalSource(this), tools),
      objects: new TileLayer("objects", objectSource(this), tools),
    };
  }

  get contrastKey() {
    return `${this.contrast.low}-${this.contrast.high}`;
  }

  /** Shows another image; `size` is (height, width). */
  open(image, size, number) {
    this.loader.keepOnly(() => false);
    this.image = image;
    this.share = 0;
    this.number = Math.max(this.number, number);
    for (const layer of Object.values(this.layers)) layer.clear();
    this.marks.clear();
    this.viewport.open(size);
    this.postView();
  }

  setOpacity(name, value) {
    const layer = this.layers[name];
    const appears = value > 0 && !layer.visible;
    layer.show({ opacity: value });
    if (name === "uncertainty" && appears) {
      for (const entry of this.layers.prediction.entries.values()) if (entry.pixels) this.paintPrediction(entry);
      this.layers.prediction.request();
    }
  }

  /** Dims the prediction while it is older than the labels. */
  setOutdated(outdated) {
    this.layers.prediction.show({ strength: outdated ? 0.45 : 1 });
    this.element.classList.toggle("outdated", outdated);
  }

  /** Asks for everything that is missing, as after a time without a connection. */
  requestAll() {
    for (const layer of Object.values(this.layers)) layer.request();
  }

  setClasses(classes) {
    this.table = predictionTable(classes);
    this.objectColors = objectColors(classes);
    this.layers.labels.setColors(labelTable(classes));
    for (const entry of this.layers.prediction.entries.values()) if (entry.pixels) this.paintPrediction(entry);
    this.layers.prediction.damage();
  }

  setContrast(contrast) {
    this.contrast = contrast;
    this.layers.image.request();
  }

  /** Shows the picture brighter, by a factor; nothing that is learned changes. */
  setBrightness(factor) {
    this.layers.image.canvas.style.filter = factor === 1 ? "" : `brightness(${factor})`;
  }

  /** The server knows more of the picture than before. */
  pictureGrown(share) {
    this.share = share;
    this.layers.image.request();
  }

  paintPrediction(entry) {
    paintPrediction(entry, this.table, this.layers.uncertainty.visible);
    if (this.layers.uncertainty.visible) this.layers.uncertainty.damageBox(entry.box);
  }

  /** Class indices mean something else now: what is shown is read again. */
  forgetIndices() {
    this.epoch += 1;
    this.layers.labels.clear();
    this.layers.labels.request();
    this.layers.prediction.request();
  }

  /** An action changed the labels in a box of the open image (null: all of it), and its objects where so said. */
  changed(box, number, { delay = 0, objects = false } = {}) {
    this.number = Math.max(this.number, number);
    this.layers.labels.changed(box ?? [0, 0, ...this.viewport.size], number, delay);
    this.proposeAgain();
    if (!objects) return;
    this.objectsNumber = Math.max(this.objectsNumber, number);
    this.layers.objects.request();
  }

  setHasModel(needed) {
    this.layers.prediction.show({ needed });
    this.layers.uncertainty.show({ needed });
  }

  setHasObjects(needed) {
    this.layers.objects.show({ needed });
  }

  /** Shows the outlines of the objects that the model proposes, while these are accepted and corrected. */
  setProposing(needed) {
    this.layers.proposals.show({ needed });
  }

  proposeAgain() {
    this.proposals += 1;
    this.layers.proposals.request();
  }

  newModel(model) {
    this.model = Math.max(this.model, model);
    this.setHasModel(this.model > 0);
    this.pauseOfLook = FIRST_LOOK;
    this.layers.prediction.request();
    this.predictionArrived(); // all that is visible may be of this model already
  }

  /** Another model's prediction is to be shown: every tile is asked for again. */
  switchModel() {
    this.epoch += 1;
    this.layers.prediction.request();
  }

  lookAgain() {
    if (this.look) return;
    this.look = setTimeout(() => {
      this.look = null;
      this.pauseOfLook = Math.min(2 * this.pauseOfLook, LONGEST_LOOK);
      this.layers.prediction.request();
    }, this.pauseOfLook);
  }

  predictionArrived() {
    const { layers, viewport } = this;
    const entries = viewport.tiles().map((tile) => layers.prediction.entry(tile));
    if (entries.length && entries.every((entry) => entry.pixels)) this.onPrediction(Math.min(...entries.map((entry) => entry.model)));
  }

  /** What the model says at a point: {class_index, uncertainty in 0..1}, or null. */
  predictionAt([row, column]) {
    const level = this.viewport.level();
    const span = 512 * 2 ** level;
    const entry = this.layers.prediction.entries.get(`${level}/${Math.floor(row / span)}/${Math.floor(column / span)}`);
    if (!entry?.pixels) return null;
    const r = Math.floor((row % span) / 2 ** level);
    const c = Math.floor((column % span) / 2 ** level);
    const at = 4 * (r * entry.width + c);
    if (entry.pixels[at] === 255 || entry.pixels[at] === undefined) return null;
    return { class_index: entry.pixels[at], uncertainty: entry.pixels[at + 1] / 255 };
  }

  /** The number of the object at a point, or 0. */
  objectAt([row, column]) {
    const level = this.viewport.level();
    const span = 512 * 2 ** level;
    const entry = this.layers.objects.entries.get(`${level}/${Math.floor(row / span)}/${Math.floor(column / span)}`);
    if (!entry?.ids) return 0;
    return entry.ids[Math.floor((row % span) / 2 ** level) * entry.width + Math.floor((column % span) / 2 ** level)];
  }

  resize() {
    const { width, height } = this.element.getBoundingClientRect();
    if (!width || !height) return;
    const ratio = Math.min(window.devicePixelRatio || 1, 2);
    for (const layer of Object.values(this.layers)) {
      layer.resize(Math.round(width * ratio), Math.round(height * ratio));
    }
    this.viewport.resize(width, height, ratio);
    this.draw(); // resizing a canvas empties it: without this one frame would be blank
  }

  viewChanged() {
    if (this.image === null) return;
    for (const layer of Object.values(this.layers)) layer.damage();
    this.marks.draw();
    this.pauseOfLook = FIRST_LOOK;
    clearTimeout(this.viewTimer);
    this.viewTimer = setTimeout(() => this.postView(), VIEW_PAUSE);
    this.onView();
  }

  /** Tells the server what is looked at, and drops what no longer is. */
  postView() {
    if (this.image === null) return;
    const level = this.viewport.level();
    api.sendView({ image: this.image, level, box_tlbr: this.viewport.box() }).catch(() => {}); // the next view tells it
    const wanted = new Set();
    for (const layer of Object.values(this.layers)) {
      for (const { level: l, row, column } of layer.wantedTiles()) wanted.add(`${layer.name}/${l}/${row}/${column}`);
    }
    this.loader.keepOnly((key) => wanted.has(key));
  }

  invalidate() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.draw();
    });
  }

  draw() {
    if (this.image === null) return;
    for (const layer of Object.values(this.layers)) {
      if (layer.outside === "all") layer.request();
      layer.draw();
    }
  }
}
