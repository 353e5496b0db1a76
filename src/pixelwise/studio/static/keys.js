// Which key does what. The list under "?" is made from this table.
import * as commands from "./commands.js";
import { tool } from "./session.js";
import { get, set } from "./store.js";

/** {keys: as shown, group, name: of the text, run, hold: run on release too}; `key` is event.key, upper case with shift. */
export const SHORTCUTS = [
  { key: "b", group: "tools", name: "brush", run: () => commands.setTool("brush") },
  { key: "e", group: "tools", name: "eraser", run: () => commands.setTool("eraser") },
  { key: "p", group: "tools", name: "polygon", run: () => commands.setTool("polygon") },
  { key: "f", group: "tools", name: "fill", run: () => commands.setTool("fill") },
  { key: "t", group: "tools", name: "trace", run: () => commands.setTool("trace") },
  { key: "v", group: "tools", name: "accept", run: () => commands.setTool("accept") },
  { key: "o", group: "tools", name: "objects", run: () => commands.setTool("objects") },
  { key: "i", group: "tools", name: "pick", run: () => commands.setTool("pick") },
  { key: "[", group: "tools", name: "smaller", run: commands.shrinkBrush, repeats: true },
  { key: "]", group: "tools", name: "larger", run: commands.growBrush, repeats: true },
  { key: "1-9", group: "labels", name: "class" },
  { key: "Ctrl+z", group: "labels", name: "undo", run: commands.undo, repeats: true },
  { key: "Ctrl+Shift+z", group: "labels", name: "redo", run: commands.redo, repeats: true },
  { key: "a", group: "labels", name: "acceptRegion", run: commands.acceptRegion },
  { key: "Shift+a", group: "labels", name: "acceptAll", run: commands.acceptAll },
  { key: "Shift+o", group: "labels", name: "acceptObjects", run: commands.acceptObjects },
  { key: "c", group: "labels", name: "clean", run: commands.markClean },
  { key: "d", group: "labels", name: "done", run: commands.toggleDone },
  { key: "m", group: "labels", name: "test", run: commands.toggleTest },
  { key: "q", group: "model", name: "ask", run: commands.toggleAsk },
  { key: "s", group: "model", name: "skip", run: () => get().ask?.point && commands.ask() },
  { key: "n", group: "model", name: "suggested", run: commands.suggestedImage },
  { key: "l", group: "model", name: "pause", run: commands.togglePause },
  { key: "Shift+l", group: "model", name: "once", run: commands.updateOnce },
  { key: "x", group: "view", name: "compare", run: () => set({ compare: true }), release: () => set({ compare: false }) },
  { key: "u", group: "view", name: "uncertainty", run: () => commands.toggleLayer("uncertainty") },
  { key: "h", group: "view", name: "prediction", run: () => commands.toggleLayer("prediction") },
  { key: "Space", group: "view", name: "pan" },
  { key: "+", group: "view", name: "zoomIn", run: commands.zoomIn, repeats: true },
  { key: "-", group: "view", name: "zoomOut", run: commands.zoomOut, repeats: true },
  { key: "0", group: "view", name: "fit", run: commands.zoomFit },
  { key: "PageDown", group: "view", name: "next", run: commands.nextImage },
  { key: "PageUp", group: "view", name: "previous", run: commands.previousImage },
  { key: "Arrows", group: "view", name: "crosshair" },
  { key: "Enter", group: "view", name: "press" },
  { key: "?", group: "view", name: "help", run: () => commands.openDialog("help") },
];

const byKey = new Map(SHORTCUTS.filter((one) => one.run).map((one) => [one.key, one]));
byKey.set("Ctrl+y", byKey.get("Ctrl+Shift+z"));
byKey.set("=", byKey.get("+"));

export const shortcutOf = (name) => SHORTCUTS.find((one) => one.name === name)?.key;

/** The name of a pressed key as the table writes it. */
function keyName(event) {
  const control = event.ctrlKey || event.metaKey;
  const letter = event.key.length === 1 && /[a-z]/i.test(event.key);
  const key = letter ? event.key.toLowerCase() : event.key;
  const shift = event.shiftKey && (letter || event.key.length > 1);
  return `${control ? "Ctrl+" : ""}${shift ? "Shift+" : ""}${key}`;
}

const TYPED_INTO = "input:not([type=range], [type=checkbox], [type=radio]), textarea, select, [contenteditable]";

function isForPage(event) {
  if (!event.key || event.altKey || event.isComposing || get().dialog) return false;
  return !event.target.closest?.(TYPED_INTO);
}

function down(event) {
  if (!isForPage(event)) return;
  if (event.key === "Enter" && event.target.closest?.("button, a, summary")) return;
  if (!event.ctrlKey && !event.metaKey && tool().key?.(event)) return event.preventDefault();
  if (event.key === "Escape") return escape();
  const plain = !event.ctrlKey && !event.metaKey;
  if (plain && event.key.length === 1 && !get().preferences.letters && event.key !== "?") return;
  if (plain && /^[1-9]$/.test(event.key)) {
    event.preventDefault();
    return commands.classByKey(Number(event.key));
  }
  const shortcut = byKey.get(keyName(event));
  if (!shortcut) return;
  event.preventDefault();
  if (!event.repeat || shortcut.repeats) shortcut.run();
}

function escape() {
  if (get().tour !== null) set({ tour: null });
  else if (get().ask) commands.stopAsking();
  else tool().cancel();
}

function up(event) {
  const shortcut = byKey.get(event.key?.toLowerCase()); // without a key: a browser that fills in a field
  shortcut?.release?.();
}

export function listen() {
  window.addEventListener("keydown", down);
  window.addEventListener("keyup", up);
  window.addEventListener("blur", () => get().compare && set({ compare: false }));
}
