import * as api from "../api.js";
import * as commands from "../commands.js";
import { openImage } from "../session.js";
import { imagesOf, set, useStore } from "../store.js";
import { T } from "../text.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "../view.js";
import { FILTERS, SORTS, shownImages } from "./image_order.js";
import { Icon } from "./icons.js";
import { Choice, IconButton } from "./parts.js";

const TAIL = 9; // characters at the end of a name that are always shown: names differ there
const BESIDE = 4; // thumbnails drawn beyond each edge of what is visible

/** The images in a row. Only the visible part is in the page, so that thousands are no more work than twenty. */
export function Strip() {
  const images = useStore(shownImages);
  const all = useStore(imagesOf);
  const filter = useStore((s) => s.filter);
  const sort = useStore((s) => s.sort);
  const open = useStore((s) => s.preferences.strip);
  const texts = (keys, words) => Object.fromEntries(keys.map((key) => [key, words[key]]));
  return html`<section class="strip ${open ? "" : "closed"}" aria-labelledby="images-title" data-tour="images">
    <div class="strip-bar">
      <h2 id="images-title">${T.images.label} <small>${T.images.count(images.length, all.length, all.filter((image) => image.state === "done").length)}</small></h2>
      <${Choice} label=${T.images.filter} value=${filter} options=${texts(FILTERS, T.images.filters)} onChange=${(value) => set({ filter: value })} />
      <${Choice} label=${T.images.sort} value=${sort} options=${texts(SORTS, T.images.sorts)} onChange=${(value) => set({ sort: value })} />
      <div class="space"></div>
      <button type="button" class="button" title="${T.images.suggestHint}  (N)" onClick=${commands.suggestedImage}>
        ${T.images.suggest}<${Icon} name="next" />
      </button>
      <${IconButton} icon=${open ? "down" : "up"} name=${open ? T.images.hide : T.images.show} onClick=${commands.toggleStrip} />
    </div>
    ${open && html`<${Thumbnails} images=${images} />`}
  </section>`;
}

function Thumbnails({ images }) {
  const current = useStore((s) => s.image);
  const list = useRef(null);
  const [view, setView] = useState({ left: 0, width: 2000, item: 120 });
  const measure = () => {
    const { scrollLeft, clientWidth } = list.current;
    const item = list.current.querySelector(".thumbnail")?.getBoundingClientRect().width ?? view.item;
    setView({ left: scrollLeft, width: clientWidth, item });
  };
  useLayoutEffect(measure, []);
  useEffect(() => {
    const observer = new ResizeObserver(measure);
    observer.observe(list.current);
    return () => observer.disconnect();
  }, []);
  useEffect(() => {
    const at = images.findIndex((image) => image.id === current);
    const { scrollLeft, clientWidth } = list.current;
    const left = at * view.item;
    if (at < 0 || (left >= scrollLeft && left + view.item <= scrollLeft + clientWidth)) return;
    list.current.scrollLeft = left - (clientWidth - view.item) / 2;
  }, [current, images, view.item]);
  const first = Math.max(0, Math.floor(view.left / view.item) - BESIDE);
  const last = Math.min(images.length, Math.ceil((view.left + view.width) / view.item) + BESIDE);
  const wheel = (event) => {
    if (event.deltaX === 0) list.current.scrollLeft += event.deltaY;
  };
  return html`<ul class="thumbnails" ref=${list} onScroll=${measure} onWheel=${wheel}>
    ${images.length === 0 && html`<li class="note">${T.images.none}</li>`}
    <li class="filler" style=${{ width: `${first * view.item}px` }}></li>
    ${images.slice(first, last).map((image) => html`<${Thumbnail} key=${image.id} image=${image} open=${image.id === current} />`)}
    <li class="filler" style=${{ width: `${(images.length - last) * view.item}px` }}></li>
  </ul>`;
}

function Thumbnail({ image, open }) {
  const title = T.images.title(image);
  return html`<li class="thumbnail">
    <button type="button" aria-current=${open ? "true" : undefined} title=${title} aria-label=${title} onClick=${() => openImage(image.id)}>
      <img src=${api.url.thumbnail(image.id, image.thumbnail ?? 0)} alt="" loading="lazy" decoding="async" draggable="false" />
      <span class="badges">
        ${image.test && html`<i class="badge"><${Icon} name="flask" /></i>`}
        ${image.state === "done" && html`<i class="badge done"><${Icon} name="check" /></i>`}
        ${image.state === "strokes" && html`<i class="badge begun"><${Icon} name="brush" /></i>`}
      </span>
      <span class="file"><span>${image.name.slice(0, -TAIL)}</span>${image.name.slice(-TAIL)}</span>
    </button>
  </li>`;
}
