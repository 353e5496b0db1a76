import { T } from "../text.js";
import { html } from "../view.js";

const WIDTH = 240;
const HEIGHT = 96;
const LEFT = 30;
const BOTTOM = 18;

/** Score over minutes of labelling: a line, and a dot for each trained model. */
export function Curve({ points }) {
  const known = points.filter((point) => point.score != null);
  if (!known.length) return null;
  const last = Math.max(60, ...known.map((point) => point.labelling_seconds));
  const top = Math.min(1, Math.ceil(10 * Math.max(0.1, ...known.map((point) => point.score))) / 10);
  const x = (seconds) => LEFT + ((WIDTH - LEFT - 8) * seconds) / last;
  const y = (score) => 6 + (HEIGHT - BOTTOM - 6) * (1 - score / top);
  const line = known.map((point) => `${x(point.labelling_seconds).toFixed(1)},${y(point.score).toFixed(1)}`).join(" ");
  return html`<figure class="curve">
    <figcaption>${T.training.curve}</figcaption>
    <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label=${describe(known)}>
      ${[0, top].map(
        (score) => html`<g key=${score}><path class="grid" d="M${LEFT} ${y(score)}H${WIDTH - 8}" />
          <text x=${LEFT - 5} y=${y(score) + 4} text-anchor="end">${Math.round(100 * score)}</text></g>`,
      )}
      <text x=${LEFT} y=${HEIGHT - 3}>0</text>
      <text x=${WIDTH - 8} y=${HEIGHT - 3} text-anchor="end">${T.training.curveAxis(last / 60)}</text>
      <polyline points=${line} />
      ${known.map(
        (point) => html`<circle cx=${x(point.labelling_seconds)} cy=${y(point.score)} r="3.5">
          <title>${T.training.curvePoint(point.labelling_seconds / 60, point.score)}</title>
        </circle>`,
      )}
    </svg>
  </figure>`;
}

const describe = (points) => points.map((point) => T.training.curvePoint(point.labelling_seconds / 60, point.score)).join("; ");
