import { closeToast } from "../session.js";
import { useStore } from "../store.js";
import { T } from "../text.js";
import { html } from "../view.js";
import { IconButton } from "./parts.js";

export function Toasts() {
  const toasts = useStore((s) => s.toasts);
  const connected = useStore((s) => s.connected);
  return html`<div class="toasts" role="status" aria-live="polite">
    ${!connected && html`<div class="toast error" key="offline"><div><b>${T.saving.offline}</b></div></div>`}
    ${toasts.map(
      ({ id, text, detail, action, kind }) => html`<div class="toast ${kind}" key=${id}>
        <div><b>${text}</b>${detail && html`<p>${detail}</p>`}</div>
        ${action &&
        html`<button type="button" class="quiet" onClick=${() => {
          action.run();
          closeToast(id);
        }}>${action.label}</button>`}
        <${IconButton} icon="close" name=${T.close} onClick=${() => closeToast(id)} />
      </div>`,
    )}
  </div>`;
}
