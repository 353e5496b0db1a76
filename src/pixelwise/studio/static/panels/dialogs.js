import * as commands from "../commands.js";
import { useStore } from "../store.js";
import { T } from "../text.js";
import { html, useEffect, useRef } from "../view.js";
import { ExportPanel } from "./export.js";
import { HelpPanel } from "./help.js";
import { IconButton } from "./parts.js";
import { Toasts } from "./toasts.js";

const PANELS = { help: [T.help.label, HelpPanel], export: [T.export.label, ExportPanel] };

export function Dialogs() {
  const name = useStore((s) => s.dialog);
  if (!name) return null;
  const [title, Panel] = PANELS[name];
  return html`<${Dialog} key=${name} title=${title}><${Panel} /></${Dialog}>`;
}

/** A modal dialog of the browser: it keeps the focus, Escape closes it; messages are in it, or they would lie below. */
function Dialog({ title, children }) {
  const element = useRef(null);
  useEffect(() => {
    element.current.showModal();
  }, []);
  const outside = (event) => event.target === element.current && commands.closeDialog();
  return html`<dialog ref=${element} aria-labelledby="dialog-title" onClose=${commands.closeDialog} onClick=${outside}>
    <div class="dialog-body">
      <div class="dialog-head">
        <h2 id="dialog-title">${title}</h2>
        <${IconButton} icon="close" name=${T.close} onClick=${commands.closeDialog} />
      </div>
      ${children}
    </div>
    <${Toasts} />
  </dialog>`;
}
