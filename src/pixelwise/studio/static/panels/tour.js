import { prefer } from "../commands.js";
import { set, useStore } from "../store.js";
import { T } from "../text.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "../view.js";

// What each step points at (data-tour), and the side of it on which the card lies.
const PLACES = ["classes", "stage", "layers", "ask", "training"];
const GAP = 14;

export function Tour() {
  const step = useStore((s) => s.tour);
  return step === null ? null : html`<${Step} step=${step} />`;
}

function Step({ step }) {
  const card = useRef(null);
  const [place, setPlace] = useState(null);
  const arrange = () => setPlace(layOut(document.querySelector(`[data-tour=${PLACES[step]}]`), card.current));
  useLayoutEffect(arrange, [step]);
  useEffect(() => {
    card.current.querySelector(".primary").focus();
    window.addEventListener("resize", arrange);
    return () => window.removeEventListener("resize", arrange);
  }, [step]);
  const end = () => {
    prefer({ tourDone: true });
    set({ tour: null });
  };
  const [title, text] = T.tour.steps[step];
  const last = step === PLACES.length - 1;
  return html`${place && html`<div class="tour-frame" style=${place.frame}></div>`}
    <div class="tour" role="dialog" aria-labelledby="tour-title" ref=${card} style=${place ? place.card : { visibility: "hidden" }}>
      <small>${T.tour.step(step + 1, PLACES.length)}</small>
      <h2 id="tour-title">${title}</h2>
      <p>${text}</p>
      <div class="row">
        ${!last && html`<button type="button" class="quiet" onClick=${end}>${T.tour.skip}</button>`}
        <div class="space"></div>
        ${step > 0 && html`<button type="button" class="button" onClick=${() => set({ tour: step - 1 })}>${T.tour.back}</button>`}
        <button type="button" class="button primary" onClick=${last ? end : () => set({ tour: step + 1 })}>${last ? T.tour.done : T.tour.next}</button>
      </div>
    </div>`;
}

/** The frame around the target, and the card left of it, or in the middle of a large one. */
function layOut(target, card) {
  if (!target) return null;
  target.scrollIntoView({ block: "nearest" });
  const box = target.getBoundingClientRect();
  const { width, height } = card.getBoundingClientRect();
  const inside = box.width > window.innerWidth / 2;
  const left = inside ? box.left + (box.width - width) / 2 : box.left - width - GAP;
  const top = inside ? box.bottom - height - 3 * GAP : box.top;
  const [x0, y0] = [Math.max(3, box.left - 4), Math.max(3, box.top - 4)];
  const [x1, y1] = [Math.min(window.innerWidth - 3, box.right + 4), Math.min(window.innerHeight - 3, box.bottom + 4)];
  return {
    frame: { left: `${x0}px`, top: `${y0}px`, width: `${x1 - x0}px`, height: `${y1 - y0}px` },
    card: {
      left: `${Math.max(GAP, left)}px`,
      top: `${Math.max(GAP, Math.min(top, window.innerHeight - height - GAP))}px`,
    },
  };
}
