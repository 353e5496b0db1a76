// The state of the page: one object, replaced a key at a time. Pointer moves never come here.
import { useEffect, useReducer } from "./vendor/preact/hooks.js";
import { loadPreferences } from "./preferences.js";

const listeners = new Set();

let state = {
  project: null, // the answer of /api/project
  image: null, // id of the open image
  classIndex: null, // of the class that is drawn
  tool: "brush",
  brush: 12, // pixels of the image
  fillOf: "prediction",
  objectMode: "accept",
  onlySure: false,
  opacity: { image: 1, labels: 0.7, prediction: 0.45, uncertainty: 0, objects: 0.9 },
  contrast: { low: 1, high: 99 }, // of images deeper than 8 bits
  brightness: 1, // of others
  compare: false, // true while the key that hides every layer is held
  zoom: 1,
  saving: { waiting: 0, failing: false },
  reading: false, // nothing of the open image is there yet
  sharpening: null, // share of the open image that is read, while its picture is coarse
  outdated: false, // the shown prediction is older than the labels
  settling: false, // the shown prediction will change without a new label
  accepting: null, // "labels" or "objects" while these wait for the prediction of the newest labels
  features: null, // {done, all} of the open image
  model: 0,
  training: { state: "idle" },
  curve: [],
  ask: null, // {loading} or {point, probabilities}
  dialog: null, // "help", "export" or null
  tour: null, // 0 to 4 or null
  toasts: [],
  filter: "all",
  sort: "order",
  connected: true,
  failure: null, // text that takes the place of the page
  preferences: loadPreferences(),
};

export const get = () => state;

export function set(patch) {
  const before = state;
  state = { ...state, ...patch };
  for (const listener of [...listeners]) listener(state, before);
}

export function subscribe(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Calls `listener(value, before)` whenever what `select` reads from the state is another value. */
export function watch(select, listener) {
  return subscribe((now, before) => {
    const value = select(now);
    if (!Object.is(value, select(before))) listener(value, select(before));
  });
}

/** The state's `select`-ed value in a component, which is drawn again when that value changes. */
export function useStore(select) {
  const [, redraw] = useReducer((count) => count + 1, 0);
  const value = select(state);
  useEffect(() => {
    if (!Object.is(select(state), value)) redraw();
    return watch(select, redraw);
  }, [value]);
  return value;
}

const NO_CLASSES = [];
const NO_IMAGES = [];
export const classesOf = (s) => s.project?.classes ?? NO_CLASSES;
export const imagesOf = (s) => s.project?.images ?? NO_IMAGES;
export const imageOf = (s) => imagesOf(s).find((image) => image.id === s.image) ?? null;
/** Whether there is enough to learn from. */
export const canLearn = (s) => classesOf(s).filter((one) => one.pixels > 0).length > 1;
/** Whether the shown prediction is not yet what the live model makes of the labels. */
export const isBehind = (s) => s.outdated || s.settling;
/** Whether a newer prediction of the live model is on its way. */
export const isLearning = (s) => !s.project?.live?.paused && canLearn(s) && (isBehind(s) || s.model === 0);
/** Whether the project is of single objects. */
export const hasObjects = (s) => imagesOf(s).some((image) => image.objects > 0);
export const currentClass = (s) => classesOf(s).find((c) => c.index === s.classIndex) ?? null;
