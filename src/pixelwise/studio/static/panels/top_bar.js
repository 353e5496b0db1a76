import * as commands from "../commands.js";
import { imageOf, useStore } from "../store.js";
import { T } from "../text.js";
import { html } from "../view.js";
import { Icon } from "./icons.js";
import { IconButton } from "./parts.js";

export function TopBar() {
  const project = useStore((s) => s.project);
  const image = useStore(imageOf);
  const theme = useStore((s) => s.preferences.theme);
  return html`<header class="top-bar">
    <div class="names">
      <img src="/static/icon.svg" alt="" width="20" height="20" />
      <span class="project" title=${project.path}>${project.name}</span>
      ${image && html`<span class="slash">/</span><h1 title=${image.name}>${image.name}</h1>`}
    </div>
    ${image &&
    html`<div class="marks-of-image">
      <button type="button" class="chip" aria-pressed=${image.state === "done"} onClick=${commands.toggleDone}
        title="${image.state === "done" ? T.bar.unmarkDone : T.bar.markDone}  (D)">
        <${Icon} name="check" />${T.bar.done}
      </button>
      <button type="button" class="chip" aria-pressed=${image.test} onClick=${commands.toggleTest}
        title="${image.test ? T.bar.unmarkTest : T.bar.markTest}: ${T.bar.testHint}  (M)">
        <${Icon} name="flask" />${T.bar.test}
      </button>
    </div>`}
    <div class="space"></div>
    <${SavedState} />
    <div class="buttons">
      <${IconButton} icon="undo" name=${T.bar.undo} shortcut="Ctrl+Z" onClick=${commands.undo} disabled=${!image || image.undo === false} />
      <${IconButton} icon="redo" name=${T.bar.redo} shortcut="Ctrl+Shift+Z" onClick=${commands.redo} disabled=${!image || image.redo === false} />
      <${IconButton} icon="theme" name=${T.bar.theme[theme]} onClick=${commands.nextTheme} />
      <${IconButton} icon="help" name=${T.bar.help} shortcut="?" onClick=${() => commands.openDialog("help")} />
      <button type="button" class="button" data-tour="export" onClick=${() => commands.openDialog("export")}>
        <${Icon} name="export" />${T.bar.export}
      </button>
    </div>
  </header>`;
}

function SavedState() {
  const { waiting, failing } = useStore((s) => s.saving);
  const connected = useStore((s) => s.connected);
  const bad = failing || !connected;
  const text = failing ? T.saving.failing(waiting) : waiting ? T.saving.waiting(waiting) : T.saving.saved;
  return html`<span class="saved ${bad ? "bad" : ""}" role="status" title=${bad ? T.saving.failingHint : ""}>
    <i class=${bad ? "light bad" : waiting ? "light busy" : "light"}></i>${connected || failing ? text : T.saving.offline.split(".")[0]}
  </span>`;
}
