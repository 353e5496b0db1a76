// What this browser remembers: looks and habits, never labels.
const KEY = "pixelwise-studio";
const DEFAULTS = { theme: "system", strip: true, letters: true, tourDone: false, minutes: null, tasks: {} };

export function loadPreferences() {
  try {
    return { ...DEFAULTS, ...JSON.parse(localStorage.getItem(KEY) ?? "{}") };
  } catch {
    return { ...DEFAULTS }; // storage is off, or not ours
  }
}

export function savePreferences(preferences) {
  try {
    localStorage.setItem(KEY, JSON.stringify(preferences));
  } catch {
    // Storage is off: the choice lasts until the page is closed.
  }
  applyTheme(preferences.theme);
}

export function applyTheme(theme) {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}
