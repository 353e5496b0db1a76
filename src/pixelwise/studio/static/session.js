// Holds the page, the stage and the server together: opens images, sends actions, hears events.
import * as api from "./api.js";
import { isBackground } from "./colors.js";
import { ActionQueue } from "./queue.js";
import { Pointer } from "./canvas/pointer.js";
import { Stage } from "./canvas/stage.js";
import { acceptTool, fillTool, pickTool } from "./canvas/tools/click.js";
import { brushTool } from "./canvas/tools/brush.js";
import { objectTool } from "./canvas/tools/objects.js";
import { polygonTool } from "./canvas/tools/polygon.js";
import { traceTool } from "./canvas/tools/trace.js";
import { classesOf, currentClass, get, imageOf, imagesOf, set, watch } from "./store.js";
import { T } from "./text.js";

const TILES_PAUSE = 350; // milliseconds of rest after a stroke before its tiles are read again
const PROJECT_PAUSE = 1000;
const TOAST_TIME = 7000;

const queue = new ActionQueue((saving) => set({ saving }), complain, loadAnew);
let leaving = false; // the page is being loaded anew
let lastChange = 0; // number of the last action that changed labels
let learned = 0; // number of the last action that the newest model has learned from
let settled = null; // the first model that has learned all it can from the last change, null until there is one
let answering = 0; // the first model that has learned from the last change, null until there is one
let projectTimer = null;
let toastCount = 0;

export const stage = new Stage({
  onView: () => set({ zoom: stage.viewport.scale }),
  onPicture: () => get().reading && set({ reading: false }),
  onPrediction: (model) => {
    const current = !isLive(get()) || (answering !== null && model >= answering);
    if (current && get().outdated) set({ outdated: false });
    const last = !isLive(get()) || (settled !== null && model >= settled);
    if (last && get().settling) set({ settling: false });
    showReadout(pointer.point());
  },
  onFailure: (error) => {
    if (!(error instanceof api.Unreachable)) complain(error);
  },
});

const desk = {
  labels: stage.layers.labels,
  marks: stage.marks,
  image: () => get().image,
  scale: () => stage.viewport.scale,
  brush: () => get().brush,
  option: (name) => get()[name],
  inImage: (point) => stage.viewport.contains(point),
  objectAt: (point) => stage.objectAt(point),
  classIndex() {
    const index = currentClass(get())?.index ?? null;
    if (index === null) toast(T.classes.needed);
    return index;
  },
  submit: (action, stroke) => submit({ image: get().image, ...action }, stroke),
  pick: pickClass,
  complain,
  hint: (name) => toast(T.hints[name]),
};

export const tools = {
  brush: brushTool(desk, { erases: false }),
  eraser: brushTool(desk, { erases: true }),
  polygon: polygonTool(desk),
  fill: fillTool(desk),
  trace: traceTool(desk),
  accept: acceptTool(desk),
  objects: objectTool(desk),
  pick: pickTool(desk),
};
export const tool = () => tools[get().tool];

export const pointer = new Pointer(stage, {
  tool,
  brushSize: () => get().brush,
  onHover: showReadout,
});

/** The line below the picture: where the pointer is, what is labelled there, what the model says. */
let readout = null;
export const setReadout = (element) => {
  readout = element;
};

function showReadout(point) {
  if (!readout) return;
  readout.textContent = point && stage.viewport.contains(point) ? describe(point) : "";
}

function describe(point) {
  const name = (index) => classesOf(get()).find((c) => c.index === index)?.name;
  const label = name(stage.layers.labels.at(point));
  const prediction = stage.predictionAt(point);
  return T.readout(point.map(Math.floor), label, name(prediction?.class_index), prediction?.uncertainty);
}

/** Sends an action; `stroke` is what the page already shows of it. The promise of the answer, or null if refused. */
export async function submit(action, stroke = null) {
  try {
    const name = imagesOf(get()).find((image) => image.id === action.image)?.name;
    const answer = await queue.push(name === undefined ? action : { image_name: name, ...action });
    if (stroke) stage.layers.labels.confirm(stroke, answer.number);
    actionDone(action, answer, { delay: stroke ? TILES_PAUSE : 0 });
    return answer;
  } catch (error) {
    if (stroke) stage.layers.labels.withdraw(stroke);
    complain(error);
    return null;
  }
}

const OBJECTS_TOO = ["undo", "redo", "clear"]; // actions that may change objects as well as labels

function actionDone({ image, type }, answer, { delay }) {
  const { number, changed_box_tlbr: box, image: entry, classes, nothing } = answer;
  if (nothing) return;
  if (classes) takeClasses(answer);
  if (box !== null && box !== undefined) {
    const objects = type.startsWith("object_") || OBJECTS_TOO.includes(type);
    if (image === stage.image) stage.changed(box, number, { delay, objects });
    lastChange = Math.max(lastChange, number);
    answering = learned >= lastChange ? get().model : null; // its prediction may be told of before the action is answered
    if (learned < lastChange) settled = null;
    if (isLive(get()) && get().model > 0) {
      set({ outdated: true, settling: true });
      stage.predictionArrived(); // it may be that of the new labels already
    }
  }
  stage.number = Math.max(stage.number, number);
  const { project } = get();
  if (!project) return;
  if (entry) {
    set({
      project: {
        ...project,
        images: project.images.map((other) => (other.id === entry.id ? entry : other)),
      },
    });
  }
  refreshSoon(); // for the number of pixels of each class
}

/** Takes the classes as they are now; what is shown is read again where their indices have moved. */
function takeClasses({ classes, indices }) {
  const { project, classIndex } = get();
  const moved = project && indices !== project.indices;
  const name = currentClass(get())?.name;
  if (project) set({ project: { ...project, classes, indices } });
  const chosen = (moved && classes.find((c) => c.name === name)) || classes[classIndex] || classes.find((c) => !isBackground(c)) || classes[0];
  if (chosen && chosen.index !== classIndex) set({ classIndex: chosen.index });
  if (moved) stage.forgetIndices();
}

export const isLive = (s) => (s.project?.live?.use ?? "live") === "live";

function refreshSoon() {
  clearTimeout(projectTimer);
  projectTimer = setTimeout(() => refresh().catch(complain), PROJECT_PAUSE);
}

/** Whether the server has become that of another project, or numbers its images otherwise. */
function isOther(now, before) {
  const names = ({ images }) => JSON.stringify(images.map((image) => image.name));
  return before !== null && (now.key !== before.key || names(now) !== names(before));
}

/** Actions that wait are kept by the browser, and sent by the page of their project. */
function loadAnew() {
  if (leaving) return;
  leaving = true;
  location.reload();
}

/** Reads the project again. */
export async function refresh() {
  const project = await api.project();
  if (isOther(project, get().project)) loadAnew();
  if (project.number > stage.number) stage.number = project.number;
  takeClasses(project);
  set({ project, training: { ...get().training, ...project.training } });
  return project;
}

export function openImage(id) {
  const image = get().project?.images.find((one) => one.id === id);
  if (!image) return;
  tool().cancel();
  const toasts = get().toasts.filter(({ kind }) => kind === "error"); // the others are about the image before
  set({ image: id, features: null, sharpening: null, ask: null, reading: true, outdated: get().model > 0, toasts });
  stage.open(id, [image.height, image.width], get().project.number);
  if (!get().brushChosen) set({ brush: Math.max(3, Math.round(Math.max(image.height, image.width) / 128)) });
  showReadout(pointer.point());
  document.title = T.title(image.name, get().project.name);
  history.replaceState(null, "", `#${id}`);
}

function pickClass(point) {
  const label = stage.layers.labels.at(point);
  const index = label === 255 ? stage.predictionAt(point)?.class_index : label;
  if (index !== undefined) set({ classIndex: index, tool: "brush" });
}

export function toast(text, { detail = "", action = null, kind = "note" } = {}) {
  const id = ++toastCount;
  set({ toasts: [...get().toasts.filter((other) => other.text !== text).slice(-2), { id, text, detail, action, kind }] });
  setTimeout(() => closeToast(id), kind === "error" ? 2 * TOAST_TIME : TOAST_TIME);
  return id;
}

export const closeToast = (id) => set({ toasts: get().toasts.filter((one) => one.id !== id) });

/** Tells of a mistake or of a server that does not answer. */
export function complain(error) {
  if (error.name === "AbortError") return;
  if (error instanceof api.Refusal || error.remedy) {
    toast(T.sentence(error.message), { detail: T.remedy(error.expected, error.remedy), kind: "error" });
  } else if (error instanceof api.Unreachable) {
    if (get().connected) toast(T.saving.unreachable, { detail: T.saving.unreachableDetail, kind: "error" });
  } else {
    toast(T.failure, { detail: String(error.message ?? error), kind: "error" });
    console.error(error);
  }
}

const hear = {
  action({ number, image, type, client, changed_box_tlbr: box }) {
    if (client === api.client) return; // the answer to the action tells the same
    actionDone({ image, type }, { number, changed_box_tlbr: box }, { delay: 0 });
  },
  model({ model, number, use, settled: isSettled }) {
    learned = number;
    if (learned >= lastChange) {
      answering ??= model;
      settled = isSettled ? (settled ?? model) : null;
    }
    if (!isSettled && !get().settling) set({ settling: true });
    if (use !== undefined && use !== get().project?.live?.use) refreshSoon();
    set({ model });
    stage.newModel(model);
  },
  picture({ image, share }) {
    if (share === 1) refreshSoon(); // for the thumbnail
    if (image !== stage.image) return;
    set({ sharpening: share < 1 ? share : null });
    stage.pictureGrown(share);
  },
  features({ image, done, all }) {
    if (image !== stage.image) return;
    set({ features: done < all ? { done, all } : null });
    stage.layers.prediction.request();
  },
  training: (training) => set({ training: { ...get().training, ...training } }),
  project({ problem, reload, number }) {
    if (problem) toast(problem, { kind: "error" });
    if (reload) stage.changed(null, number, { objects: true });
    refreshSoon();
  },
};

export async function refreshCurve() {
  try {
    set({ curve: await api.curve() });
  } catch (error) {
    complain(error);
  }
}

/** Reads the project, opens its first image and begins to listen. */
export async function start() {
  const looks = (s) => classesOf(s).map((c) => `${c.index} ${c.color} ${isBackground(c)}`).join();
  watch(looks, () => stage.setClasses(classesOf(get()))); // pixel counts change often, and paint nothing
  watch((s) => s.opacity, showOpacity);
  watch((s) => s.compare, showOpacity);
  watch((s) => s.tool === "objects" || (imageOf(s)?.objects ?? 0) > 0, (has) => stage.setHasObjects(has));
  watch((s) => s.tool === "objects", (proposing) => stage.setProposing(proposing));
  watch((s) => s.contrast, (contrast) => stage.setContrast(contrast));
  watch((s) => (imageOf(s)?.deep ? 1 : s.brightness), (brightness) => stage.setBrightness(brightness));
  watch((s) => s.outdated, (outdated) => stage.setOutdated(outdated));
  watch((s) => s.brush, () => pointer.moveRing());
  watch((s) => s.tool, (now, before) => {
    tools[before].cancel();
    stage.element.dataset.tool = now;
    pointer.moveRing();
  });
  watch((s) => s.project?.live?.use, (now, before) => {
    if (before !== undefined) stage.switchModel();
  });
  watch((s) => s.training.state, trainingChanged);
  const project = await refresh();
  queue.project = project.key;
  set({ model: project.live?.model ?? 0, settling: project.live?.settled === false });
  stage.newModel(get().model);
  showOpacity();
  const asked = Number(location.hash.slice(1));
  const first = project.images.find((image) => image.id === asked && location.hash.length > 1) ?? project.images[0];
  if (first) openImage(first.id);
  api.listen((name, data) => hear[name](data), connectionChanged, () => stage.number);
  for (const { client: _, ...action } of queue.unsent()) {
    const image = project.images.find((one) => one.name === action.image_name)?.id ?? action.image;
    submit({ ...action, image });
  }
  window.addEventListener("beforeunload", (event) => {
    if (queue.entries.length && !leaving) event.preventDefault();
  });
  refreshCurve();
  for (const problem of (project.problems ?? []).slice(0, 3)) toast(problem, { kind: "error" });
}

function trainingChanged(state, before) {
  refreshCurve();
  if (before === "running") refreshSoon();
  if (before === "running" && state === "failed") toast(T.training.failed, { kind: "error" });
}

function connectionChanged(connected) {
  if (connected === get().connected) return;
  set({ connected });
  if (!connected) return;
  queue.hurry();
  refresh()
    .then(({ live }) => {
      hear.model(live); // what was told meanwhile is lost
      stage.changed(null, stage.number, { objects: true });
      stage.requestAll();
    })
    .catch(complain);
}

function showOpacity() {
  const { opacity, compare } = get();
  for (const [name, value] of Object.entries(opacity)) {
    stage.setOpacity(name, compare && name !== "image" ? 0 : value);
    if (name === "prediction") stage.setOpacity("proposals", compare || value === 0 ? 0 : 1);
  }
}

export const openImageEntry = () => imageOf(get());
