import * as commands from "../commands.js";
import { PALETTE, colorName, inkOn } from "../colors.js";
import { classesOf, useStore } from "../store.js";
import { T } from "../text.js";
import { html, useEffect, useRef, useState } from "../view.js";
import { Icon } from "./icons.js";
import { IconButton } from "./parts.js";

export function Classes() {
  const classes = useStore(classesOf);
  const current = useStore((s) => s.classIndex);
  const [edited, setEdited] = useState(null);
  const list = useRef(null);
  const close = (index) => {
    setEdited(null);
    const back = commands.usesKeys() ? list.current.querySelector(`[data-edits="${index}"] .icon-button`) : document.querySelector(".stage");
    back?.focus({ preventScroll: true });
  };
  return html`<section class="panel classes" aria-labelledby="classes-title" data-tour="classes">
    <h2 id="classes-title">${T.classes.label}</h2>
    <ul ref=${list}>
      ${classes.map(
        (one, i) => html`<li key=${one.index} data-edits=${one.index}>
          <button type="button" class="class" aria-pressed=${one.index === current} onClick=${() => commands.setClass(one.index)}
            onDblClick=${() => setEdited(one.index)}>
            <i class="swatch" style=${{ background: one.color, color: inkOn(one.color) }}>${i < 9 ? i + 1 : ""}</i>
            <span class="name" title=${one.name}>${one.name}</span>
            <span class="count" title=${T.classes.pixelsHint(one.pixels ?? 0)}>${one.pixels ? T.classes.pixels(one.pixels) : ""}</span>
          </button>
          <${IconButton} icon="edit" name=${T.classes.edit(one.name)} pressed=${edited === one.index}
            onClick=${() => setEdited(edited === one.index ? null : one.index)} />
          ${edited === one.index && html`<${ClassEditor} one=${one} classes=${classes} onDone=${() => close(one.index)} />`}
        </li>`,
      )}
    </ul>
    <${AddClass} isFirst=${classes.length === 0} />
  </section>`;
}

function AddClass({ isFirst }) {
  const [name, setName] = useState("");
  const add = (event) => {
    event.preventDefault();
    if (!name.trim()) return;
    commands.addClass(name.trim());
    setName("");
  };
  return html`${isFirst && html`<p class="note"><b>${T.classes.first}</b> ${T.classes.firstHint}</p>`}
    <form class="add" onSubmit=${add}>
      <input type="text" value=${name} placeholder=${T.classes.add} aria-label=${T.classes.name} maxlength="100"
        onInput=${(event) => setName(event.target.value)} />
      <button type="submit" class="icon-button" aria-label=${T.classes.add} disabled=${!name.trim()}><${Icon} name="plus" /></button>
    </form>`;
}

function ClassEditor({ one, classes, onDone }) {
  const [name, setName] = useState(one.name);
  const [sure, setSure] = useState(false);
  const field = useRef(null);
  const sent = useRef(one.name);
  useEffect(() => {
    field.current.focus();
    field.current.select();
  }, []);
  const rename = () => {
    if (!name.trim() || name.trim() === sent.current) return;
    sent.current = name.trim();
    commands.renameClass(one.index, name.trim());
  };
  const leave = (event) => {
    if (event.key !== "Escape") return;
    sent.current = name.trim();
    onDone();
  };
  const done = (event) => {
    event.preventDefault();
    rename();
    onDone();
  };
  const others = classes.filter((other) => other.index !== one.index);
  return html`<form class="editor" onSubmit=${done} onKeyDown=${leave}>
    <label><span>${T.classes.rename}</span>
      <input type="text" value=${name} maxlength="100" ref=${field} onInput=${(event) => setName(event.target.value)} onChange=${rename} />
    </label>
    <fieldset><legend>${T.classes.color}</legend>
      ${PALETTE.map(
        (color) => html`<button type="button" class="dot" style=${{ background: color }} aria-label=${colorName(color, T.classes.colors)} title=${colorName(color, T.classes.colors)}
          aria-pressed=${color === one.color.toLowerCase()} onClick=${() => commands.recolorClass(one.index, color)}></button>`,
      )}
      <input type="color" value=${one.color} aria-label=${T.classes.ownColor} title=${T.classes.ownColor} onChange=${(event) => commands.recolorClass(one.index, event.target.value)} />
    </fieldset>
    ${others.length > 0 &&
    html`<label><span>${T.classes.merge}</span>
      <select onChange=${(event) => {
        commands.mergeClass(one.index, Number(event.target.value));
        onDone();
      }}>
        <option value="" selected disabled>${T.classes.mergeInto}</option>
        ${others.map((other) => html`<option value=${other.index}>${other.name}</option>`)}
      </select>
    </label>`}
    <button type="button" class="quiet danger" onMouseDown=${(event) => event.preventDefault()} onClick=${() => {
      if (!sure) return setSure(true);
      commands.deleteClass(one.index);
      onDone();
    }}>${sure ? T.classes.deleteSure : T.classes.delete}</button>
  </form>`;
}
