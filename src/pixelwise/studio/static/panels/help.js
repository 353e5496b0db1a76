import * as commands from "../commands.js";
import { SHORTCUTS } from "../keys.js";
import { useStore } from "../store.js";
import { T } from "../text.js";
import { html } from "../view.js";
import { Key } from "./parts.js";

const shown = (key) => T.help.keys[key] ?? (key.length === 1 ? key.toUpperCase() : key);

export function HelpPanel() {
  const letters = useStore((s) => s.preferences.letters);
  return html`<div class="help">
      ${Object.entries(T.help.groups).map(
        ([group, title]) => html`<section key=${group}>
          <h3>${title}</h3>
          <dl>
            ${SHORTCUTS.filter((one) => one.group === group).map(
              (one) => html`<div key=${one.name}>
                <dt>${(one.key === "-" ? ["-"] : one.key.split("+").filter(Boolean)).map((part) => html`<${Key}>${shown(part)}</${Key}>`)}
                  ${one.key === "+" && html`<${Key}>+</${Key}>`}</dt>
                <dd>${T.help.names[one.name]}</dd>
              </div>`,
            )}
          </dl>
        </section>`,
      )}
    </div>
    <div class="row">
      <label class="tick"><input type="checkbox" checked=${letters} onChange=${(event) => commands.prefer({ letters: event.target.checked })} />${T.help.letters}</label>
      <div class="space"></div>
      <button type="button" class="button" onClick=${commands.startTour}>${T.help.tour}</button>
    </div>`;
}
