import * as commands from "../commands.js";
import { shortcutOf } from "../keys.js";
import { set, useStore } from "../store.js";
import { T } from "../text.js";
import { html } from "../view.js";
import { Choice, IconButton, Segments, Slider } from "./parts.js";

const TOOLS = ["brush", "eraser", "polygon", "fill", "trace", "accept", "objects", "pick"];

export function ToolRail() {
  const tool = useStore((s) => s.tool);
  return html`<nav class="rail" aria-label=${T.tools.label} data-tour="tools">
    ${TOOLS.map(
      (name) => html`<${IconButton}
        icon=${name}
        name=${T.tools[name]}
        shortcut=${shortcutOf(name)}
        pressed=${tool === name}
        onClick=${() => commands.setTool(name)}
      />`,
    )}
  </nav>`;
}

/** What the present tool can be told, and what it does. */
export function ToolOptions() {
  const tool = useStore((s) => s.tool);
  const mode = useStore((s) => s.objectMode);
  const waits = useStore((s) => s.accepting === "objects");
  const hint = tool === "objects" ? T.toolHints.objects[mode] : T.toolHints[tool];
  return html`<div class="options" role="toolbar" aria-label=${T.tools[tool]}>
    <b>${T.tools[tool]}</b>
    ${["brush", "eraser", "trace"].includes(tool) && html`<${BrushSize} />`}
    ${tool === "fill" && html`<${FillOf} />`}
    ${tool === "objects" &&
    html`<${Segments} label=${T.tools.objects} value=${mode} options=${T.options.objectModes} hints=${T.options.objectHints} onChange=${(objectMode) => set({ objectMode })} />
      <button type="button" class="button" title="Shift+O" aria-busy=${waits} onClick=${commands.acceptObjects}>${waits ? T.options.waits : T.options.acceptObjects}</button>`}
    ${tool === "accept" && html`<${AcceptOptions} />`}
    <span class="hint">${hint}</span>
    <div class="space"></div>
    <button type="button" class="quiet" title="${T.options.cleanHint}  (C)" onClick=${commands.markClean}>${T.options.clean}</button>
    <button type="button" class="quiet" onClick=${commands.clearImage}>${T.options.clear}</button>
  </div>`;
}

// The slider runs over the logarithm: from 1 to 400 pixels, fine where brushes are small.
function BrushSize() {
  const brush = useStore((s) => s.brush);
  return html`<${Slider}
    label=${T.options.size}
    min="0"
    max="1"
    step="0.01"
    value=${Math.log(brush) / Math.log(400)}
    text=${T.options.sizeValue(brush)}
    title="[  ]"
    onInput=${(share) => commands.setBrush(Math.round(400 ** share))}
  />`;
}

function FillOf() {
  const value = useStore((s) => s.fillOf);
  return html`<${Choice} label=${T.options.fillOf} value=${value} options=${T.options.fillFrom} onChange=${(fillOf) => set({ fillOf })} />`;
}

function AcceptOptions() {
  const onlySure = useStore((s) => s.onlySure);
  const waits = useStore((s) => s.accepting === "labels");
  return html`<label class="tick">
      <input type="checkbox" checked=${onlySure} onChange=${(event) => set({ onlySure: event.target.checked })} />
      ${T.options.onlySure}
    </label>
    <button type="button" class="button" title="Shift+A" aria-busy=${waits} onClick=${commands.acceptAll}>${waits ? T.options.waits : T.options.acceptAll}</button>`;
}
