import { T } from "../text.js";
import { html } from "../view.js";

const WIDTH = 240;
const HEIGHT = 96;
const LEFT = 30;
const BOTTOM = 18;

/**
 * One measure over minutes of labelling: that of the live model, or of the trained nets where the live model has none.
 * Trained nets that were measured in the same way stand beside the live model as squares.
 */
export function Curve({ points }) {
  const scored = points.filter((point) => point.score != null);
  if (!scored.length) return null;
  const newest = scored.findLast((point) => point.run === "live") ?? scored.at(-1);
  const isLive = newest.run === "live";
  const known = scored.filter((point) => point.metric === newest.metric && point.split === newest.split);
  const inLine = known.filter((point) => !isLive || point.run === "live");
  const beside = known.filter((point) => !inLine.includes(point));
  const last = Math.max(60, ...known.map((point) => point.labelling_seconds));
  const top = Math.min(1, Math.ceil(10 * Math.max(0.1, ...known.map((point) => point.score))) / 10);
  const x = (seconds) => LEFT + ((WIDTH - LEFT - 8) * seconds) / last;
  const y = (score) => 6 + (HEIGHT - BOTTOM - 6) * (1 - score / top);
  const line = inLine.map((point) => `${x(point.labelling_seconds).toFixed(1)},${y(point.score).toFixed(1)}`).join(" ");
  return html`<figure class="curve">
    <figcaption>${T.training.curve({ ...newest, isLive })}${beside.length > 0 && `. ${T.training.curveNets}`}</figcaption>
    <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label=${describe(known)}>
      ${[0, top].map(
        (score) => html`<g key=${score}><path class="grid" d="M${LEFT} ${y(score)}H${WIDTH - 8}" />
          <text x=${LEFT - 5} y=${y(score) + 4} text-anchor="end">${Math.round(100 * score)}</text></g>`,
      )}
      <text x=${LEFT} y=${HEIGHT - 3}>0</text>
      <text x=${WIDTH - 8} y=${HEIGHT - 3} text-anchor="end">${T.training.curveAxis(last / 60)}</text>
      <polyline points=${line} />
      ${inLine.map(
        (point) => html`<circle cx=${x(point.labelling_seconds)} cy=${y(point.score)} r="3.5"><title>${tell(point)}</title></circle>`,
      )}
      ${beside.map(
        (point) => html`<rect x=${x(point.labelling_seconds) - 3.5} y=${y(point.score) - 3.5} width="7" height="7"><title>${tell(point)}</title></rect>`,
      )}
    </svg>
  </figure>`;
}

const tell = ({ run, labelling_seconds: seconds, score }) =>
  T.training.curvePoint(run === "live" ? T.training.curveLive : run, seconds / 60, score);
const describe = (points) => points.map(tell).join("; ");
