// Every text of the page. A translation is another file with the same keys.
const number = new Intl.NumberFormat("en");
const percent = (share, digits = 0) => `${(100 * share).toFixed(digits)} %`;

export function duration(seconds) {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** What is left of a training, to 5 or 10 seconds: it is an estimate. */
function timeLeft(seconds) {
  if (seconds < 55) return `${5 * Math.ceil(seconds / 5)} s`;
  if (seconds >= 600) return duration(seconds);
  const tens = Math.ceil(seconds / 10);
  return `${Math.floor(tens / 6)} min${tens % 6 ? ` ${10 * (tens % 6)} s` : ""}`;
}

const OBJECT_MEASURE = "TP / (TP + FN + FP)";
const MEASURES = { AP: "AP (IoU 0.50 to 0.95)", [OBJECT_MEASURE]: `${OBJECT_MEASURE} at IoU 0.5` };
/** A measure as the report calls it, with its thresholds. */
const measure = (metric) => MEASURES[metric] ?? metric;
const counted = (count, one) => `${number.format(count)} ${count === 1 ? one : `${one}s`}`;

export const T = {
  product: "pixelwise studio",
  title: (image, project) => `${image} · ${project} · pixelwise studio`,
  stage: "Picture. Arrow keys move a crosshair, Enter draws or clicks, ? lists all keys.",
  failure: "Something went wrong in the page",
  sentence: (text) => text.charAt(0).toUpperCase() + text.slice(1),
  remedy: (expected, remedy) => [expected && `Expected ${expected}.`, remedy].filter(Boolean).join(" "),
  loading: "Opening the project …",
  notOpened: "The project could not be opened",
  tryAgain: "Try again",
  reading: "Reading the picture …",
  sharpening: (share) => `A first, coarse picture: ${Math.round(100 * share)} % read`,
  noImages: "This folder holds no images that can be read.",
  close: "Close",
  cancel: "Cancel",
  readout: ([row, column], label, prediction, uncertainty) => {
    const parts = [`row ${number.format(row)}, column ${number.format(column)}`];
    if (label !== undefined) parts.push(`label: ${label}`);
    if (prediction !== undefined) parts.push(`model: ${prediction}, ${sureness(uncertainty)}`);
    return parts.join("   ·   ");
  },
  bar: {
    test: "Test image",
    testHint: "no model learns from it; it gives an honest score. Label it completely",
    markTest: "Use as test image",
    unmarkTest: "Use for training again",
    done: "Done",
    markDone: "Mark as done, for your own overview: it changes no label",
    unmarkDone: "Not done yet",
    undo: "Undo",
    redo: "Redo",
    export: "Export",
    help: "Shortcuts and help",
    theme: { system: "Colours: as the system", light: "Colours: light", dark: "Colours: dark" },
  },
  saving: {
    saved: "Saved",
    waiting: (count) => (count === 1 ? "Saving …" : `Saving ${count} …`),
    failing: (count) => `Not saved: ${count} waiting`,
    failingHint: "The server does not answer. The page tries again; keep it open.",
    unreachable: "The server does not answer",
    unreachableDetail: "Is pixelwise studio still running? What you draw is kept here and sent as soon as it answers.",
    offline: "No connection to pixelwise studio. What you draw is kept and sent when it is back.",
  },
  tools: {
    label: "Tools",
    brush: "Brush",
    eraser: "Eraser",
    polygon: "Polygon",
    fill: "Fill",
    trace: "Trace",
    accept: "Accept",
    objects: "Objects",
    pick: "Pick a class",
  },
  options: {
    size: "Size",
    sizeValue: (pixels) => `${number.format(pixels)} px`,
    fillOf: "Region",
    fillFrom: { prediction: "of the prediction", superpixel: "of similar colour", labels: "of the labels" },
    objectModes: { accept: "Accept", add: "Add", split: "Split", merge: "Merge", delete: "Delete" },
    objectHints: {
      accept: "Take over an object that the model proposes",
      add: "Make a region that is already labelled an object",
      split: "Divide an object that is several",
      merge: "Join two objects that are one",
      delete: "Remove an object with its labels",
    },
    onlySure: "Only where the model is sure",
    acceptAll: "Accept the whole image",
    acceptObjects: "Accept all objects",
    waits: "Waiting for the model …",
    clean: "Rest is background",
    cleanHint: "Everything without a label becomes background",
    clear: "Clear labels",
  },
  toolHints: {
    brush: "Draw over what you want to name. Right button erases.",
    eraser: "Takes labels away.",
    polygon: "Click the corners. Enter or the first corner closes, Backspace takes one back.",
    fill: "Click a region to give it the class.",
    trace: "Click along a thin structure; the path follows it. Esc ends.",
    accept: "Click a region that is right.",
    pick: "Click a place to take its class.",
    objects: {
      accept: "Dashed outlines: proposed objects. Click one to accept it.",
      add: "Click a labelled region to make it one object; what touches it at a corner belongs to it. Draw it with the brush first.",
      split: "Click once in each part, then Enter.",
      merge: "Click two objects that are one.",
      delete: "Click the object. Its labels go with it.",
    },
  },
  hints: { noObject: "There is no object at this place" },
  zoom: { in: "Zoom in", out: "Zoom out", fit: "Fit", value: (scale) => `${scale < 0.1 ? (100 * scale).toFixed(1) : Math.round(100 * scale)} %` },
  classes: {
    label: "Classes",
    needed: "Add a class first",
    first: "What do you want to find?",
    firstHint: "Name two or more classes, such as cell and background.",
    add: "Add a class",
    name: "Name of the class",
    pixels: (count) => (count >= 1e6 ? `${(count / 1e6).toFixed(1)} M` : count >= 1e3 ? `${(count / 1e3).toFixed(count < 1e4 ? 1 : 0)} k` : String(count)),
    pixelsHint: (count) => `${number.format(count)} labelled pixels`,
    edit: (name) => `Edit ${name}`,
    rename: "Name",
    color: "Colour",
    ownColor: "Another colour",
    colors: [
      "blue", "orange", "green", "pink", "sky blue", "vermilion", "yellow", "grey",
      "indigo", "wine", "teal", "olive", "brown", "pale blue", "purple", "dark green",
    ],
    merge: "Merge into",
    mergeInto: "choose a class",
    delete: "Delete this class and its labels",
    deleteSure: "Click again to delete",
    merged: (from, into) => `${from} is part of ${into} now`,
    deleted: (name) => `${name} and its labels are deleted`,
  },
  layers: {
    label: "Layers",
    image: "Image",
    labels: "Labels",
    prediction: "Prediction",
    uncertainty: "Doubt",
    objects: "Objects",
    hints: {
      uncertainty: "Bright where the model is unsure, dark where it is sure",
      brightness: "Shows a dark image brighter; what is learned stays the same",
    },
    contrast: "Contrast",
    brightness: "Brightness",
    low: "Darkest percentile",
    high: "Brightest percentile",
  },
  live: {
    label: "Model",
    starting: "Draw a stroke of two classes and the model begins to learn.",
    outdated: "Learning …",
    upToDate: "Up to date",
    paused: "Paused",
    pause: "Pause",
    resume: "Go on",
    once: "Update once",
    features: (done, all) => `Reading the image: ${done} of ${all} parts`,
    shown: "Prediction of",
    live: "the live model",
  },
  ask: {
    start: "Ask me",
    startHint: "The model shows where it is least sure; you answer with one key",
    loading: "Looking for the next question …",
    question: "What is this?",
    skip: "Skip",
    stop: "Stop",
    nothing: "The model has no question about this image",
    share: (share) => percent(share),
  },
  training: {
    label: "Training",
    why: "The live model learns in seconds. A trained net takes minutes. It is one file that runs anywhere; with few labels the live model may be better.",
    minutes: "Minutes",
    task: "Find",
    tasks: { instance: "single objects", semantic: "areas" },
    goOnFrom: (name) => `Go on from ${name}`,
    goOnFromHint: "The training that is shown, else the last one",
    start: "Train",
    stop: "Stop",
    resume: "Go on",
    state: { running: "Training", stopped: "Stopped", done: "Trained", failed: "Training failed" },
    failed: "Training failed",
    phase: ({ phase, remaining_seconds: seconds }) => {
      if (phase === "comparing") return "Comparing with the live model";
      if (phase === "measuring") return "Measuring the net";
      if (phase === "preparing") return "Preparing the training";
      return `Training${seconds == null || seconds <= 0 ? "" : `, about ${timeLeft(seconds)} left`}`;
    },
    doubts: {
      few_steps: ({ steps, minutes }) =>
        `In ${duration(60 * minutes)} this computer has time for ${steps === 1 ? "a single training step" : `${steps} training steps`}: the net learns next to nothing. Train for ${longer(minutes)} or more.`,
      no_rise: ({ minutes }) => `The net did not get better in these ${duration(60 * minutes)}. Train for ${longer(minutes)} or more, or label more first.`,
    },
    show: ({ name }) => `Show it in ${name}`,
    validation: (metric, score) => `${measure(metric)} so far, on the validation labels: ${percent(score, 1)}`,
    score: ({ metric, score, split, images, objects }) => {
      const where = images == null ? `${split ?? "held-out"} images` : counted(images, split === "test" ? "test image" : "held-out image");
      return `${measure(metric)}: ${percent(score, 1)} on ${objects == null ? "" : `${counted(objects, "object")} in `}${where}`;
    },
    noTest: "Mark 5 or more images as test (M) and label them completely to get an honest score.",
    fewTest: (count) => `With ${counted(count, "test image")} the score depends on which ${count === 1 ? "image it is" : "they are"}. Mark 5 or more.`,
    noScore: "No score: no test image had labels.",
    curve: ({ metric, split, isLive }) =>
      `${isLive ? "Live model" : "Trained nets"}: ${measure(metric)} on ${split === "test" ? "the test images" : "held-out labels"}, over the time of labelling`,
    curveNets: "Squares: trained nets",
    curveAxis: (minutes) => duration(60 * minutes),
    curvePoint: (name, minutes, score) => `${name}: ${percent(score, 1)} after ${duration(60 * minutes)} of labelling`,
    curveLive: "live model",
  },
  comparison: {
    shown: "Show the prediction of",
    live: "Live model",
    net: (name) => `Trained net, ${name}`,
    score: (score) => percent(score, 1),
    verdict: ({ better, low, high }, isShown) => {
      if (better) return `${better === "net" ? "The trained net" : "The live model"} is better${isShown ? " and is shown" : ", but not shown"}.`;
      if (low == null) return "Too few held-out labels to tell which is better, so nothing was switched.";
      return `Too close to tell, so nothing was switched: the net is between ${points(-low)} worse and ${points(high)} better.`;
    },
    /** `isDoubted`: it is already said to train longer. */
    advice: (minutes, isDoubted) =>
      [
        "Live model under Export writes it as a file.",
        !isDoubted && `To get a better net, train for ${longer(minutes)} or more, or label more images.`,
      ].filter(Boolean).join(" "),
    tie: "Either may be used. Compare their predictions on some images, or label more test images to tell which is better.",
    favour: "Labels that were accepted from the live model favour it.",
    on: ({ metric, unit, units, images, pixels, split }) => {
      const of = T.comparison.units[unit](units, split);
      const where = unit === "image" ? of : `${of} in ${number.format(images)} ${split === "test" ? "test " : ""}${images === 1 ? "image" : "images"}`;
      return `${measure(metric)} on ${where}, ${number.format(pixels)} labelled pixels that neither learned from.`;
    },
    none: (reason) => `Not compared: ${reason}. What was shown before is shown.`,
    measureHint: {
      mIoU: "How well the areas match: intersection over union, mean over the classes",
      [OBJECT_MEASURE]: "Objects that match by at least half (TP), divided by these, the missed (FN) and the falsely found ones (FP)",
    },
    units: {
      image: (count, split) => `${number.format(count)} ${split === "test" ? "test " : "held-out "}${count === 1 ? "image" : "images"}`,
      region: (count) => `${number.format(count)} labelled ${count === 1 ? "region" : "regions"}`,
      object: (count) => `${number.format(count)} ${count === 1 ? "object" : "objects"}`,
    },
  },
  images: {
    label: "Images",
    count: (shown, all, done) =>
      [shown === all ? number.format(all) : `${number.format(shown)} of ${number.format(all)}`, done && `${number.format(done)} done`]
        .filter(Boolean)
        .join(", "),
    filter: "Show",
    sort: "Sort by",
    filters: { all: "all", untouched: "untouched", strokes: "begun", done: "done", test: "test" },
    sorts: { order: "order", name: "name", labelled: "labelled", state: "state" },
    state: { untouched: "untouched", strokes: "begun", done: "done" },
    title: ({ name, state, labelled, test }) =>
      `${name}, ${T.images.state[state] ?? state}${test ? ", test" : ""}, ${percent(labelled, labelled < 0.1 ? 1 : 0)} labelled`,
    none: "No image like this",
    suggest: "Next image",
    suggestHint: "Opens the image from which the model would learn most",
    suggested: (name) => `The model would learn most from ${name}`,
    sameSuggestion: "This image is still the best one to label",
    noSuggestion: "No other image to suggest yet",
    hide: "Hide the images",
    show: "Show the images",
    clear: "Clear labels",
  },
  undo: {
    label: "Undo",
    nothing: "Nothing to undo in this image",
    nothingToRedo: "Nothing to redo in this image",
    classes: "The classes are as they were before",
    classesAgain: "The classes are changed again",
    labelsFirst: "Labels were drawn since. Undo these first.",
  },
  accept: {
    done: "The prediction is now the label of this image",
    objects: (count) => `${counted(count, "object")} accepted`,
    where: "Point at a region first",
    waits: "Accepted as soon as the prediction is up to date; the same key stops that",
    stopped: "Nothing is accepted",
    left: "Nothing was accepted in the image before: it was left too early",
  },
  clean: {
    done: (name) => `Everything without a label is now ${name}`,
    waits: "The rest becomes background once the prediction is accepted",
  },
  clear: { done: "All labels of this image are gone" },
  export: {
    label: "Export",
    model: "Model",
    modelHint: (name, isNewest) =>
      `model.onnx: the trained net ${name}, ${isNewest ? "the newest" : "which is shown"}, with everything that prediction needs.`,
    liveWasBetter: (run, ...about) =>
      `The live model was better (${percent(run.comparison.live, 1)} against ${percent(run.comparison.net, 1)}). ${T.comparison.advice(run.minutes, ...about)}`,
    earlierWasBetter: ({ name, score }) => `${name} was better (${percent(score, 1)}): choose it under "${T.comparison.shown}", and this row exports it.`,
    live: "Live model",
    liveHint: (hasObjects) =>
      `live.onnx: the model that learns while you draw, fitted on all labels but those of test images. It predicts ${hasObjects ? "single objects" : "areas"}. Writing it takes a minute or so.`,
    liveScore: ({ name, comparison }) => `Compared with ${name}: ${percent(comparison.live, 1)} against ${percent(comparison.net, 1)}.`,
    labelFirst: "Label pixels of two classes to get it.",
    report: "Report",
    reportHint: (name) => `How good the trained net ${name} is, as one page. It says nothing of the live model.`,
    overlays: "Overlays",
    overlaysHint: (hasObjects) => `Every labelled image with its ${hasObjects ? "objects outlined" : "labels in colour"}.`,
    dataset: "Labels as",
    datasetHint: "The labelled images in another layout.",
    start: "Export",
    running: "Writing …",
    done: "Written to",
    open: "Open",
    download: "Download",
    trainFirst: "Train once to get a model and its report.",
    where: "The project is an ordinary data set:",
    layouts: {
      masks: "PNG masks", coco: "COCO", voc: "Pascal VOC", yolo: "YOLO", cityscapes: "Cityscapes", labelme: "labelme",
      cvat: "CVAT", dsb: "Data Science Bowl 2018",
    },
  },
  help: {
    label: "Shortcuts",
    groups: { tools: "Tools", labels: "Labels", model: "Model", view: "View" },
    letters: "Keys without Ctrl work",
    tour: "Show the tour",
    newHere: "New here? Five steps show how it works.",
    names: {
      brush: "brush", eraser: "eraser", polygon: "polygon", fill: "fill a region", trace: "trace a thin structure",
      accept: "accept tool", objects: "single objects", pick: "pick a class", smaller: "smaller brush",
      larger: "larger brush", class: "class, or answer", undo: "undo", redo: "redo",
      acceptRegion: "accept the region under the pointer", acceptAll: "accept the whole image",
      acceptObjects: "accept all objects of the image",
      clean: "rest is background", done: "image is done", test: "image is a test image", ask: "ask me", skip: "skip a question",
      suggested: "suggested next image", pause: "pause the live model", once: "update once",
      compare: "hold: picture alone", uncertainty: "doubt on or off", prediction: "prediction on or off",
      pan: "hold and drag to move", zoomIn: "zoom in", zoomOut: "zoom out", fit: "fit to the window",
      next: "next image", previous: "previous image", crosshair: "move the crosshair (Shift: finely)",
      press: "draw or click at the crosshair", help: "this list",
    },
    keys: { Space: "Space", Enter: "Enter", PageDown: "Page ↓", PageUp: "Page ↑", Arrows: "← ↑ ↓ →", "1-9": "1 … 9", "-": "−" },
  },
  tour: {
    next: "Next",
    back: "Back",
    skip: "Skip the tour",
    done: "Start",
    step: (now, all) => `${now} of ${all}`,
    steps: [
      ["Choose a class", "These are the things to find. Keys 1 to 9 choose one; the pencil renames it or changes its colour."],
      ["Draw a few strokes", "Roughly is enough: one short stroke of each class. [ and ] change the brush, the wheel zooms, Space moves."],
      ["Watch the model", "It learns while you draw. The sliders show labels, prediction and doubt; hold X to see the picture alone."],
      ["Correct it", "Draw where it is wrong, or let it ask: press Q and answer with one key. A accepts a region that is right."],
      ["Train and take it with you", "Train a net in the background, then export model.onnx, a report and your labels."],
    ],
  },
};

const points = (share) => `${(100 * share).toFixed(1)} points`;

/** The next of the times that the page offers. */
const longer = (minutes) => duration(60 * ([5, 10, 30, 60].find((more) => more > (minutes ?? 2)) ?? 2 * minutes));

function sureness(uncertainty) {
  if (uncertainty < 0.25) return "sure";
  return uncertainty < 0.6 ? "fairly sure" : "unsure";
}
