import * as commands from "../commands.js";
import { hasObjects, isBehind, isLearning, useStore } from "../store.js";
import { T } from "../text.js";
import { html, useEffect, useState } from "../view.js";
import { Curve } from "./curve.js";
import { Icon } from "./icons.js";
import { Comparison, comparedRun } from "./comparison.js";
import { Choice } from "./parts.js";

export function Model() {
  return html`<section class="panel model" aria-labelledby="model-title" data-tour="model">
      <h2 id="model-title">${T.live.label}</h2>
      <${Live} />
    </section>
    <section class="panel training" aria-labelledby="training-title" data-tour="training">
      <h2 id="training-title">${T.training.label}</h2>
      <${Training} />
    </section>`;
}

function Live() {
  const live = useStore((s) => s.project.live ?? {});
  const model = useStore((s) => s.model);
  const features = useStore((s) => s.features);
  const learning = useStore(isLearning);
  const behind = useStore(isBehind);
  const asking = useStore((s) => s.ask !== null);
  const runs = useStore((s) => s.training.runs) ?? [];
  const compared = useStore(comparedRun);
  let state = T.live.starting;
  if (live.problem) state = live.problem;
  else if (live.paused) state = T.live.paused;
  else if (features) state = T.live.features(features.done, features.all);
  else if (learning) state = T.live.outdated;
  else if (model > 0 && !behind) state = T.live.upToDate;
  let light = "light";
  if (live.problem) light = "light bad";
  else if (live.paused || ((!model || behind) && !features && !learning)) light = "light off";
  else if (learning || features) light = "light busy";
  const shown = Object.fromEntries([["live", T.live.live], ...runs.map((run) => [run.name, run.name])]);
  return html`<p class="state" role="status"><i class=${light}></i>${state}</p>
    ${features && html`<progress value=${features.done} max=${features.all} aria-label=${state}></progress>`}
    ${runs.length > (compared ? 1 : 0) && html`<${Choice} label=${T.live.shown} value=${live.use ?? "live"} options=${shown} onChange=${commands.useModel} />`}
    <div class="row">
      <button type="button" class="button" aria-pressed=${asking} title="${T.ask.startHint}  (Q)" onClick=${commands.toggleAsk} data-tour="ask">
        <${Icon} name="ask" />${T.ask.start}
      </button>
      <button type="button" class="button" title="L" onClick=${commands.togglePause}>
        <${Icon} name=${live.paused ? "play" : "pause"} />${live.paused ? T.live.resume : T.live.pause}
      </button>
      ${live.paused && html`<button type="button" class="quiet" title="Shift+L" onClick=${commands.updateOnce}>${T.live.once}</button>`}
    </div>`;
}

function Training() {
  const training = useStore((s) => s.training);
  const curve = useStore((s) => s.curve);
  const compared = useStore(comparedRun);
  const { state } = training;
  const known = T.training.state[state];
  const run = (training.runs ?? []).find(({ name }) => name === training.run);
  return html`${known
      ? html`<p class="state" role="status"><i class="light ${state === "running" ? "busy" : state === "failed" ? "bad" : ""}"></i>
          ${state === "running" ? html`<${Phase} training=${training} />` : known}</p>`
      : html`<p class="note">${T.training.why}</p>`}
    ${state === "running" && html`<progress value=${training.share ?? undefined} max="1" aria-label=${T.training.label}></progress>`}
    ${training.message && state !== "idle" && html`<p class="note message" title=${training.message}>${training.message}</p>`}
    ${state !== "idle" && training.places?.map(
      (place) => html`<button type="button" class="quiet" onClick=${() => commands.showPlace(place)}>${T.training.show(place)}</button>`,
    )}
    ${training.doubt && html`<p class="note warning">${T.training.doubts[training.doubt](training)}</p>`}
    ${state === "running" && training.score != null && html`<p class="note">${T.training.validation(training.metric, training.score)}</p>`}
    ${state === "done" && run?.score != null && compared?.name !== run.name && html`<p class="score">${T.training.score(run)}</p>`}
    ${state === "running"
      ? html`<div class="row"><button type="button" class="button" onClick=${commands.stopTraining}>${T.training.stop}</button></div>`
      : html`<${Comparison} /><${TrainingForm} training=${training} />`}
    <${Curve} points=${curve} />`;
}

/** What the training is at; the remaining time is counted down between two reports of the server. */
function Phase({ training }) {
  const [passed, setPassed] = useState(0);
  useEffect(() => {
    const told = performance.now();
    setPassed(0);
    const timer = setInterval(() => setPassed((performance.now() - told) / 1000), 1000);
    return () => clearInterval(timer);
  }, [training]);
  const { phase, remaining_seconds: seconds } = training;
  return T.training.phase({ phase, remaining_seconds: seconds == null ? null : seconds - passed });
}

function TrainingForm({ training }) {
  const ofObjects = useStore(hasObjects);
  const chosen = useStore((s) => s.preferences.minutes) ?? (ofObjects ? 5 : 2);
  const [goesOn, setGoesOn] = useState(true);
  const exported = useStore((s) => s.project.exports?.run ?? null); // the run that is shown, else the last one
  const key = useStore((s) => s.project.key);
  const tasks = useStore((s) => s.preferences.tasks);
  const setTask = (task) => commands.prefer({ tasks: { ...tasks, [key]: task } });
  const task = ofObjects ? (tasks[key] ?? "instance") : "semantic"; // follows the project until a person chooses
  const tests = useStore((s) => s.project.images.filter((image) => image.test).length);
  const start = () => commands.startTraining({ minutes: chosen, fromRun: goesOn ? exported : null, task });
  return html`${ofObjects && html`<${Choice} label=${T.training.task} value=${task} options=${T.training.tasks} onChange=${setTask} />`}
    <div class="row">
      <${Choice} label=${T.training.minutes} value=${String(chosen)} options=${{ 1: "1", 2: "2", 5: "5", 10: "10", 30: "30", 60: "60" }}
        onChange=${(minutes) => commands.prefer({ minutes: Number(minutes) })} />
      <button type="button" class="button primary" onClick=${start}>${T.training.start}</button>
      ${training.state === "stopped" && html`<button type="button" class="button" onClick=${commands.resumeTraining}>${T.training.resume}</button>`}
    </div>
    ${exported &&
    html`<label class="tick" title=${T.training.goOnFromHint}><input type="checkbox" checked=${goesOn} onChange=${(event) => setGoesOn(event.target.checked)} />${T.training.goOnFrom(exported)}</label>`}
    ${tests > 0 && training.state === "done" && training.score == null && html`<p class="note">${T.training.noScore}</p>`}
    ${tests < 5 && html`<p class="note">${tests ? T.training.fewTest(tests) : T.training.noTest}</p>`}`;
}
