// The trained net beside the live model: both scores, which of them is shown, and a click shows the other.
import * as commands from "../commands.js";
import { useStore } from "../store.js";
import { T } from "../text.js";
import { html } from "../view.js";

/** The finished run whose comparison is told: the one that is shown, else the last one. */
export function comparedRun(s) {
  const runs = (s.training.runs ?? []).filter((run) => run.comparison);
  return runs.find((run) => run.name === s.project?.live?.use) ?? runs.at(-1) ?? null;
}

export function Comparison() {
  const run = useStore(comparedRun);
  const use = useStore((s) => s.project.live?.use ?? "live");
  const doubted = useStore((s) => Boolean(s.training.doubt) && s.training.run === run?.name);
  if (!run) return null;
  const { comparison } = run;
  const scores = comparison.net != null;
  const isTie = scores && !comparison.better && comparison.low != null;
  const advice = comparison.better === "live" ? T.comparison.advice(run.minutes, doubted) : isTie && T.comparison.tie;
  const rows = [
    ["live", T.comparison.live, comparison.live],
    [run.name, T.comparison.net(run.name), comparison.net],
  ];
  return html`<fieldset class="comparison">
    <legend class="note">${T.comparison.shown}</legend>
    ${rows.map(
      ([name, text, score]) => html`<label class=${use === name ? "shown" : ""}>
        <input type="radio" name="shown" checked=${use === name} onChange=${() => commands.useModel(name)} />
        <span>${text}</span>
        ${scores && html`<b class=${comparison.better && (comparison.better === "live") === (name === "live") ? "best" : ""}>${T.comparison.score(score)}</b>`}
      </label>`,
    )}
    ${scores
      ? html`<p class="note"><b>${T.comparison.verdict(comparison, use === (comparison.better === "net" ? run.name : "live"))}</b>
          ${" "}<span title=${T.comparison.measureHint[comparison.metric]}>${T.comparison.on(comparison)}</span> ${T.comparison.favour}</p>
          ${advice && html`<p class="note warning">${advice}</p>`}`
      : html`<p class="note">${T.comparison.none(comparison.reason)}</p>`}
  </fieldset>`;
}
