import * as api from "../api.js";
import { complain } from "../session.js";
import { hasObjects, useStore } from "../store.js";
import { T } from "../text.js";
import { html, useState } from "../view.js";
import { Choice } from "./parts.js";

/** A row for each thing that can be taken along. */
export function ExportPanel() {
  const project = useStore((s) => s.project);
  const layouts = project.layouts ?? [];
  const [layout, setLayout] = useState(layouts.includes("coco") ? "coco" : layouts[0]);
  const ready = project.exports ?? { model: true, report: true, live: true };
  const ofObjects = useStore(hasObjects);
  const runs = useStore((s) => s.training.runs) ?? [];
  const doubt = useStore((s) => (s.training.run === s.project.exports?.run && s.training.doubt ? T.training.doubts[s.training.doubt](s.training) : ""));
  const run = runs.find(({ name }) => name === ready.run);
  const score = run?.score != null ? T.training.score(run) : "";
  const liveWasBetter = run?.comparison?.better === "live" ? T.export.liveWasBetter(run, doubt !== "") : "";
  const best = run && runs.filter((other) => isMeasuredAlike(other, run)).reduce((a, b) => (b.score > a.score ? b : a), run);
  const earlierWasBetter = best && best !== run ? T.export.earlierWasBetter(best) : "";
  const names = Object.fromEntries(layouts.map((name) => [name, T.export.layouts[name] ?? name]));
  return html`<div class="exports">
    <${Row} kind="model" title=${T.export.model} hint=${run ? [T.export.modelHint(run.name, run === runs.at(-1)), score] : T.export.trainFirst}
      warning=${run && [earlierWasBetter, doubt, liveWasBetter].filter(Boolean).join(" ")} ready=${ready.model} />
    <${Row} kind="live" title=${T.export.live} hint=${ready.live ? [T.export.liveHint(ofObjects), run?.comparison?.net != null && T.export.liveScore(run)] : T.export.labelFirst} ready=${ready.live} />
    <${Row} kind="report" title=${T.export.report} hint=${run ? T.export.reportHint(run.name) : T.export.trainFirst} ready=${ready.report} />
    <${Row} kind="overlays" title=${T.export.overlays} hint=${T.export.overlaysHint(ofObjects)} ready=${true} />
    ${layout &&
    html`<${Row} kind=${layout} hint=${T.export.datasetHint} ready=${true}
      title=${html`<${Choice} label=${T.export.dataset} value=${layout} options=${names} onChange=${setLayout} />`} />`}
    <p class="note">${T.export.where} <code>${project.path}</code></p>
  </div>`;
}

/** Whether two runs were scored by the same measure on as many images and objects of a split. */
const isMeasuredAlike = (a, b) => ["metric", "split", "images", "objects"].every((name) => a[name] === b[name]);

function Row({ kind, title, hint, warning, ready }) {
  const [result, setResult] = useState({ kind, state: "idle" });
  const state = result.kind === kind ? result.state : "idle";
  const write = async () => {
    setResult({ kind, state: "running" });
    try {
      const { path, url, remarks } = await api.exportAs(kind);
      setResult({ kind, state: "done", path, url, remarks });
    } catch (error) {
      setResult({ kind, state: "idle" });
      complain(error);
    }
  };
  return html`<div class="export-row">
    <div><b>${title}</b>${[hint].flat().filter(Boolean).map((line) => html`<p class="note">${line}</p>`)}
      ${warning && html`<p class="note warning">${warning}</p>`}
      ${state === "done" &&
      html`<p class="note result" role="status">${T.export.done} <code>${result.path}</code>
        ${result.url && html` <a href=${result.url} target="_blank" rel="noopener">${kind === "report" ? T.export.open : T.export.download}</a>`}
        ${result.remarks?.map((remark) => html`<br />${remark}`)}</p>`}
    </div>
    <button type="button" class="button" disabled=${!ready || state === "running"} onClick=${write}>
      ${state === "running" ? T.export.running : T.export.start}
    </button>
  </div>`;
}
