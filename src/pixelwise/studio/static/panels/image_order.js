// Which images the strip shows, and in which order.
import { imagesOf } from "../store.js";

export const FILTERS = ["all", "untouched", "strokes", "done", "test"];
export const SORTS = ["order", "name", "labelled", "state"];

const RANK = { untouched: 0, strokes: 1, done: 2 };
const collator = new Intl.Collator(undefined, { numeric: true });
const compare = {
  name: (one, two) => collator.compare(one.name, two.name),
  labelled: (one, two) => two.labelled - one.labelled,
  state: (one, two) => RANK[one.state] - RANK[two.state],
};
let last = { images: null };

export function shownImages(s) {
  const images = imagesOf(s);
  const { filter, sort } = s;
  if (last.images === images && last.filter === filter && last.sort === sort) return last.shown;
  let shown = images;
  if (filter === "test") shown = images.filter((image) => image.test);
  else if (filter !== "all") shown = images.filter((image) => image.state === filter);
  if (sort !== "order") shown = [...shown].sort(compare[sort]);
  last = { images, filter, sort, shown };
  return shown;
}
