import { setReadout, stage } from "../session.js";
import * as commands from "../commands.js";
import { imagesOf, useStore } from "../store.js";
import { T } from "../text.js";
import { html, useEffect, useRef } from "../view.js";
import { AskCard } from "./ask.js";
import { Classes } from "./classes.js";
import { Dialogs } from "./dialogs.js";
import { Layers } from "./layers.js";
import { Model } from "./model.js";
import { IconButton } from "./parts.js";
import { Strip } from "./strip.js";
import { Toasts } from "./toasts.js";
import { ToolOptions, ToolRail } from "./tool_rail.js";
import { TopBar } from "./top_bar.js";
import { Tour } from "./tour.js";

export function App() {
  const opened = useStore((s) => s.project !== null);
  const failure = useStore((s) => s.failure);
  const hasDialog = useStore((s) => s.dialog !== null);
  if (failure) return html`<${Failure} text=${failure} />`;
  if (!opened) return html`<p class="waiting" role="status">${T.loading}</p>`;
  return html`<div class="app">
      <${TopBar} />
      <${ToolRail} />
      <main>
        <${ToolOptions} />
        <${StageHost} />
      </main>
      <aside>
        <${Classes} />
        <${Layers} />
        <${Model} />
      </aside>
      <${Strip} />
    </div>
    ${!hasDialog && html`<${Toasts} />`}
    <${Dialogs} />
    <${Tour} />`;
}

function Failure({ text }) {
  return html`<div class="waiting" role="alert">
    <p><b>${T.notOpened}</b></p>
    <p class="note">${text}</p>
    <button type="button" class="button" onClick=${() => location.reload()}>${T.tryAgain}</button>
  </div>`;
}

/** Where the stage lies; the page is drawn around it and never into it. */
function StageHost() {
  const host = useRef(null);
  const empty = useStore((s) => imagesOf(s).length === 0);
  const reading = useStore((s) => s.reading);
  const sharpening = useStore((s) => s.sharpening);
  useEffect(() => {
    host.current.prepend(stage.element);
  }, []);
  return html`<div class="stage-host" ref=${host} data-tour="stage">
    ${empty && html`<p class="waiting">${T.noImages}</p>`}
    ${reading && !empty && html`<p class="reading" role="status">${T.reading}</p>`}
    ${!reading && sharpening !== null && html`<p class="sharpening" role="status">${T.sharpening(sharpening)}</p>`}
    <div class="readout" ref=${setReadout} aria-hidden="true"></div>
    <${Zoom} />
    <${AskCard} />
  </div>`;
}

function Zoom() {
  const zoom = useStore((s) => s.zoom);
  return html`<div class="zoom">
    <${IconButton} icon="minus" name=${T.zoom.out} shortcut="-" onClick=${commands.zoomOut} />
    <button type="button" class="quiet value" title="${T.zoom.value(1)}" onClick=${commands.zoomFull}>${T.zoom.value(zoom)}</button>
    <${IconButton} icon="plus" name=${T.zoom.in} shortcut="+" onClick=${commands.zoomIn} />
    <${IconButton} icon="fit" name=${T.zoom.fit} shortcut="0" onClick=${commands.zoomFit} />
  </div>`;
}
