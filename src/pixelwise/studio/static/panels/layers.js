import * as commands from "../commands.js";
import { imageOf, set, useStore } from "../store.js";
import { T } from "../text.js";
import { html } from "../view.js";
import { IconButton, Slider } from "./parts.js";

const NAMES = ["labels", "prediction", "uncertainty", "objects", "image"];

export function Layers() {
  const opacity = useStore((s) => s.opacity);
  const image = useStore(imageOf);
  const withObjects = useStore((s) => s.tool === "objects" || (imageOf(s)?.objects ?? 0) > 0);
  const names = NAMES.filter((name) => name !== "objects" || withObjects);
  return html`<section class="panel layers" aria-labelledby="layers-title" data-tour="layers">
    <h2 id="layers-title">${T.layers.label}</h2>
    ${names.map(
      (name) => html`<div class="layer-row" key=${name}>
        <${IconButton} icon=${opacity[name] > 0 ? "eye" : "hidden"} name=${T.layers[name]} pressed=${opacity[name] > 0}
          onClick=${() => commands.toggleLayer(name)} />
        <${Slider} label=${T.layers[name]} value=${opacity[name]} text=${`${Math.round(100 * opacity[name])}`}
          title=${T.layers.hints[name]} onInput=${(value) => commands.setOpacity(name, value)} />
      </div>`,
    )}
    ${image?.deep ? html`<${Contrast} />` : html`<${Brightness} />`}
  </section>`;
}

function Brightness() {
  const brightness = useStore((s) => s.brightness);
  return html`<div class="contrast">
    <${Slider} label=${T.layers.brightness} min="1" max="10" step="0.5" value=${brightness} text=${`${brightness}x`}
      title=${T.layers.hints.brightness} onInput=${(value) => set({ brightness: value })} />
  </div>`;
}

function Contrast() {
  const { low, high } = useStore((s) => s.contrast);
  const change = (patch) => set({ contrast: { low, high, ...patch } });
  return html`<div class="contrast">
    <h3>${T.layers.contrast}</h3>
    <${Slider} label=${T.layers.low} min="0" max="50" step="0.5" value=${low} text=${low} onInput=${(value) => change({ low: value })} />
    <${Slider} label=${T.layers.high} min="51" max="100" step="0.1" value=${high} text=${high} onInput=${(value) => change({ high: value })} />
  </div>`;
}
