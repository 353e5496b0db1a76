import * as commands from "../commands.js";
import { inkOn } from "../colors.js";
import { classesOf, useStore } from "../store.js";
import { T } from "../text.js";
import { html } from "../view.js";
import { IconButton, Key } from "./parts.js";

/** The question about the point with the ring: the likeliest classes first, each with its key. */
export function AskCard() {
  const question = useStore((s) => s.ask);
  const classes = useStore(classesOf);
  if (!question) return null;
  const shares = new Map((question.probabilities ?? []).map((one) => [one.class_index, one.share]));
  return html`<div class="ask ${question.above ? "above" : ""}" role="dialog" aria-label=${T.ask.question}>
    <div class="ask-head">
      <b>${question.loading ? T.ask.loading : T.ask.question}</b>
      <${IconButton} icon="close" name=${T.ask.stop} shortcut="Q" onClick=${commands.stopAsking} />
    </div>
    <div class="answers">
      ${classes.slice(0, 9).map(
        (one, i) => html`<button type="button" class="answer" disabled=${question.loading} onClick=${() => commands.answerAsked(one.index)}>
          <i class="swatch" style=${{ background: one.color, color: inkOn(one.color) }}>${i + 1}</i>
          <span>${one.name}</span>
          <small>${shares.has(one.index) ? T.ask.share(shares.get(one.index)) : ""}</small>
        </button>`,
      )}
      <button type="button" class="answer" disabled=${question.loading} onClick=${commands.ask}><${Key}>S</${Key}><span>${T.ask.skip}</span></button>
    </div>
  </div>`;
}
