// Small parts that several panels are made of.
import { html } from "../view.js";
import { Icon } from "./icons.js";

/** A button with an icon; `name` is what it is called, `shortcut` its key, `pressed` whether it is on. */
export function IconButton({ icon, name, shortcut, pressed, disabled, onClick, tour }) {
  return html`<button
    type="button"
    class="icon-button"
    aria-label=${name}
    aria-pressed=${pressed}
    aria-keyshortcuts=${shortcut}
    title=${shortcut ? `${name}  (${shortcut.toUpperCase()})` : name}
    disabled=${disabled}
    data-tour=${tour}
    onClick=${onClick}
  ><${Icon} name=${icon} /></button>`;
}

export const Key = ({ children }) => html`<kbd>${children}</kbd>`;

/** A slider of 0 to 1 or other limits, with its name before and its value behind. */
export function Slider({ label, value, min = 0, max = 1, step = 0.05, text, title, onInput }) {
  return html`<label class="slider" title=${title}>
    <span>${label}</span>
    <input type="range" min=${min} max=${max} step=${step} value=${value} onInput=${(e) => onInput(Number(e.target.value))} />
    <output>${text}</output>
  </label>`;
}

export function Choice({ label, value, options, onChange }) {
  return html`<label class="choice">
    <span>${label}</span>
    <select value=${value} onChange=${(event) => onChange(event.target.value)}>
      ${Object.entries(options).map(([key, text]) => html`<option value=${key} selected=${key === value}>${text}</option>`)}
    </select>
  </label>`;
}

/** Buttons of which one is on; `hints` are their tooltips. */
export function Segments({ label, value, options, hints = {}, onChange }) {
  return html`<div class="segments" role="group" aria-label=${label}>
    ${Object.entries(options).map(
      ([key, text]) => html`<button type="button" aria-pressed=${key === value} title=${hints[key]} onClick=${() => onChange(key)}>${text}</button>`,
    )}
  </div>`;
}
