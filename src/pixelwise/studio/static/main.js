import { startTour } from "./commands.js";
import * as keys from "./keys.js";
import { App } from "./panels/app.js";
import { applyTheme } from "./preferences.js";
import { stage, start, toast } from "./session.js";
import { get, set } from "./store.js";
import { T } from "./text.js";
import { html, render } from "./view.js";

applyTheme(get().preferences.theme);
stage.element.tabIndex = 0;
stage.element.setAttribute("role", "application");
stage.element.setAttribute("aria-label", T.stage);
stage.element.dataset.tool = get().tool;
render(html`<${App} />`, document.getElementById("app"));
keys.listen();

// Who moves by keys sees where the focus is on the picture too; a frame around it would disturb everybody else.
window.addEventListener("keydown", (event) => {
  if (event.key === "Tab" || event.key.startsWith("Arrow")) document.documentElement.dataset.input = "keys";
});
window.addEventListener("pointerdown", () => delete document.documentElement.dataset.input);

// After a click with the mouse the keys belong to the picture again; someone who uses the Tab key keeps the focus.
document.addEventListener("click", (event) => {
  const button = event.target.closest?.("button");
  if (event.detail > 0 && button && !button.closest("dialog, .editor, .add, .tour")) stage.element.focus({ preventScroll: true });
});

start().then(
  () => {
    stage.element.focus({ preventScroll: true });
    const { project, preferences } = get();
    if (preferences.tourDone) return;
    if (project.sample) startTour();
    else if (project.number === 0) toast(T.help.newHere, { action: { label: T.help.tour, run: startTour } });
  },
  (error) => set({ failure: error.message }),
);
