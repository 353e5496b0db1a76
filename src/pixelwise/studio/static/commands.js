// What a person can do, whether by key or by button.
import * as api from "./api.js";
import { freeColor, isBackground } from "./colors.js";
import { savePreferences } from "./preferences.js";
import { complain, openImage, openImageEntry, pointer, refresh, stage, submit, toast } from "./session.js";
import { canLearn, classesOf, currentClass, get, imageOf, imagesOf, isBehind, isLearning, set, subscribe, watch } from "./store.js";
import { shownImages } from "./panels/image_order.js";
import { T } from "./text.js";

const LARGEST_BRUSH = 400;

export const setTool = (tool) => set({ tool });
export const setClass = (index) => set(get().tool === "eraser" ? { classIndex: index, tool: "brush" } : { classIndex: index });
export const setBrush = (size) => set({ brush: Math.min(LARGEST_BRUSH, Math.max(1, size)), brushChosen: true });
export const growBrush = () => setBrush(Math.max(get().brush + 1, Math.round(get().brush * 1.25)));
export const shrinkBrush = () => setBrush(Math.min(get().brush - 1, Math.round(get().brush / 1.25)));

export const setOpacity = (name, value) => set({ opacity: { ...get().opacity, [name]: value } });
const shownBefore = { labels: 0.7, prediction: 0.45, uncertainty: 0.7, objects: 0.9, image: 1 };
/** Hides a layer, or shows it as strongly as before. */
export function toggleLayer(name) {
  const now = get().opacity[name];
  if (now > 0) shownBefore[name] = now;
  setOpacity(name, now > 0 ? 0 : shownBefore[name]);
}

const zoomBy = (factor) => stage.viewport.zoomAt(stage.viewport.width / 2, stage.viewport.height / 2, factor);
export const zoomIn = () => zoomBy(1.5);
export const zoomOut = () => zoomBy(1 / 1.5);
export const zoomFit = () => stage.viewport.fit();
export const zoomFull = () => zoomBy(1 / stage.viewport.scale);

const act = (action) => submit({ image: get().image, ...action });

export async function undo() {
  const answer = await act({ type: "undo" });
  if (answer?.nothing) toast(T.undo.nothing);
  if (answer?.classes) toast(T.undo.classes);
}

export async function redo() {
  const answer = await act({ type: "redo" });
  if (answer?.nothing) toast(T.undo.nothingToRedo);
  if (answer?.classes) toast(T.undo.classesAgain);
}

const withUndo = { label: T.undo.label, run: undo };

export function acceptRegion() {
  const point = pointer.point();
  if (!point || !stage.viewport.contains(point)) return toast(T.accept.where);
  act({ type: "accept", point, only_sure: get().onlySure });
}

const isUpToDate = (s) =>
  s.saving.waiting === 0 && (!canLearn(s) || Boolean(s.project.live?.problem) || !(isBehind(s) || s.model === 0));

/**
 * Waits for the prediction of all that is drawn: an older one may have one object where a line now separates two. The
 * promise of true; of false where another image is opened meanwhile, or the same is asked for again to take it back.
 */
async function newestPrediction(what) {
  if (get().accepting) {
    set({ accepting: null });
    toast(T.accept.stopped);
    return false;
  }
  if (isUpToDate(get())) return true;
  const { image } = get();
  set({ accepting: what });
  toast(T.accept.waits);
  if (get().project?.live?.paused) api.setLive({ once: true }).catch(complain);
  return new Promise((resolve) => {
    const stop = subscribe((s) => {
      const waits = s.accepting === what && s.image === image;
      if (waits && !isUpToDate(s)) return;
      stop();
      if (s.image !== image) toast(T.accept.left);
      if (s.accepting === what) set({ accepting: null });
      resolve(waits);
    });
  });
}

let acceptance = null; // the last one: a promise of the answer, of nothing where nothing was accepted

export const acceptAll = () => (acceptance = acceptAllLabels());
async function acceptAllLabels() {
  if (!(await newestPrediction("labels"))) return null;
  const answer = await act({ type: "accept", whole: true, only_sure: get().onlySure });
  if (answer) toast(T.accept.done, { action: withUndo });
  return answer;
}

export const acceptObjects = () => (acceptance = acceptAllObjects());
async function acceptAllObjects() {
  if (!(await newestPrediction("objects"))) return null;
  const before = imageOf(get())?.objects ?? 0;
  const answer = await act({ type: "object_accept_all", whole: true });
  if (answer) toast(T.accept.objects((answer.image?.objects ?? before) - before), { action: withUndo });
  return answer;
}

/**
 * Everything without a label becomes background: the class of that name, or the current one. What is still being
 * accepted comes first, or it would become background, too.
 */
export async function markClean() {
  const { accepting, image } = get();
  if (accepting) {
    toast(T.clean.waits);
    if (!(await acceptance) || get().image !== image) return;
  }
  const background = classesOf(get()).find(isBackground) ?? currentClass(get());
  if (!background) return toast(T.classes.needed);
  const answer = await act({ type: "clean", class_index: background.index });
  if (answer) toast(T.clean.done(background.name), { action: withUndo });
}

export async function clearImage() {
  const answer = await act({ type: "clear" });
  if (answer) toast(T.clear.done, { action: withUndo });
}

export const toggleDone = () => act({ type: "mark_done", value: openImageEntry()?.state !== "done" });
export const toggleTest = () => act({ type: "mark_test", value: !openImageEntry()?.test });

const classAct = (action) => submit({ image: null, ...action });
async function editClass(action, text) {
  if (!(await classAct(action))) return;
  if (text) toast(text, { action: { label: T.undo.label, run: undoClasses } });
  await refresh().catch(complain);
}

/** Takes back the last action on classes, unless labels were drawn since: these come first. */
async function undoClasses() {
  const answer = await classAct({ type: "undo" });
  if (answer?.nothing) toast(T.undo.labelsFirst);
  await refresh().catch(complain);
}
export async function addClass(name) {
  const classes = classesOf(get());
  const answer = await classAct({ type: "class_add", name, color: freeColor(classes) });
  if (!answer) return;
  setClass(answer.classes.length - 1);
  await refresh().catch(complain);
}
export const renameClass = (index, name) => editClass({ type: "class_rename", class_index: index, name });
export const recolorClass = (index, color) => editClass({ type: "class_recolor", class_index: index, color });
const className = (index) => classesOf(get()).find((c) => c.index === index)?.name;
export const mergeClass = (from, into) =>
  editClass({ type: "class_merge", from, into }, T.classes.merged(className(from), className(into)));
export const deleteClass = (index) => editClass({ type: "class_delete", class_index: index }, T.classes.deleted(className(index)));
export function classByKey(digit) {
  const target = classesOf(get())[digit - 1];
  if (!target) return;
  if (get().ask?.point) answerAsked(target.index);
  else setClass(target.index);
}

const step = (by) => {
  const images = shownImages(get());
  const at = images.findIndex((image) => image.id === get().image);
  const next = images[Math.min(images.length - 1, Math.max(0, at + by))];
  if (next && next.id !== get().image) openImage(next.id);
};
export const nextImage = () => step(1);
export const previousImage = () => step(-1);

/** The image from which the model would learn most. */
export async function suggestedImage() {
  try {
    const { image } = await api.suggestImage();
    if (image === null || image === undefined) return toast(T.images.noSuggestion);
    if (image === get().image) return toast(T.images.sameSuggestion);
    openImage(image);
    toast(T.images.suggested(imagesOf(get()).find((one) => one.id === image)?.name ?? ""));
  } catch (error) {
    complain(error);
  }
}

export const toggleAsk = () => (get().ask ? stopAsking() : ask());

/** Shows the point the model is least sure of. */
export async function ask() {
  set({ ask: { loading: true, above: get().ask?.above } });
  try {
    const question = await api.suggestPoint(get().image);
    if (!get().ask) return;
    if (!question?.point) {
      if (isLearning(get())) return set({ ask: { loading: true, waits: true } }); // the next model may have one
      stopAsking();
      return toast(T.ask.nothing);
    }
    stage.marks.set("asked", { points: [question.point], ring: true });
    showClosely(question.point);
    const below = stage.viewport.toScreen(...question.point)[1] > stage.viewport.height / 2;
    set({ ask: { ...question, above: below } }); // the card lies where the point does not
  } catch (error) {
    if (error instanceof api.Refusal && get().ask && isLearning(get())) return set({ ask: { loading: true, waits: true } });
    stopAsking();
    if (error instanceof api.Refusal) toast(T.ask.nothing); // a model that is sure is no mistake
    else complain(error);
  }
}

watch((s) => s.model, () => get().ask?.waits && ask());

const LEAST_SCALE = 0.4; // screen pixels a pixel of the image at which one can tell what is there

function showClosely(point) {
  const { viewport } = stage;
  viewport.reveal(point, 20);
  if (viewport.scale < LEAST_SCALE) viewport.zoomAt(...viewport.toScreen(...point), LEAST_SCALE / viewport.scale);
}

export function stopAsking() {
  set({ ask: null });
  stage.marks.set("asked", null);
}

/** The answer: a dot of the class where the model asked, then the next question. */
export async function answerAsked(index) {
  const { point } = get().ask;
  const width = Math.max(1, Math.min(get().brush, 5));
  const stroke = stage.layers.labels.begin([point], width, index);
  stage.marks.set("asked", null);
  set({ ask: { loading: true, above: get().ask.above } });
  const answer = await submit({ image: get().image, type: "stroke", points: [point], width, class_index: index }, stroke);
  if (answer && get().ask) ask();
}

const RING_TIME = 5000; // milliseconds

/** Opens an image at a point, with a ring around it for some seconds. */
export function showPlace({ image, point: [row, column] }) {
  const point = [row + 0.5, column + 0.5];
  if (image !== get().image) openImage(image);
  stage.marks.set("place", { points: [point], ring: true });
  setTimeout(() => stage.marks.set("place", null), RING_TIME);
  showClosely(point);
}

function tell(promise) {
  return promise.then(refresh).catch(complain);
}
export const togglePause = () => tell(api.setLive({ paused: !get().project?.live?.paused }));
export const updateOnce = () => tell(api.setLive({ once: true }));
export const useModel = (name) => tell(api.setModel(name));

/** `task` is "semantic" or "instance", `fromRun` the name of the run to go on from, or null. */
export function startTraining({ minutes, fromRun, task }) {
  tell(api.training({ command: "start", minutes, from_run: fromRun, task }));
}
export const stopTraining = () => tell(api.training({ command: "stop" }));
export const resumeTraining = () => tell(api.training({ command: "resume" }));

/** Whether a person moves by the Tab and arrow keys: the focus then stays where the keys brought it. */
export const usesKeys = () => document.documentElement.dataset.input === "keys";

export const openDialog = (dialog) => set({ dialog });
export const closeDialog = () => set({ dialog: null });
export const startTour = () => set({ tour: 0, dialog: null });

export function prefer(change) {
  const preferences = { ...get().preferences, ...change };
  savePreferences(preferences);
  set({ preferences });
}

const THEMES = ["system", "light", "dark"];
export const nextTheme = () => prefer({ theme: THEMES[(THEMES.indexOf(get().preferences.theme) + 1) % THEMES.length] });
export const toggleStrip = () => prefer({ strip: !get().preferences.strip });
