/** Single objects: accept, add, split, merge or delete the one that is clicked. */
export function objectTool(desk) {
  let points = []; // of a split
  let first = 0; // of a merge

  const reset = () => {
    points = [];
    first = 0;
    desk.marks.set("objects", null);
  };
  const acts = {
    accept: (point) => desk.submit({ type: "object_accept", point }),
    add: (point) => desk.submit({ type: "object_add", point }),
    delete(point) {
      const id = desk.objectAt(point);
      if (id) desk.submit({ type: "object_delete", object_id: id });
      else desk.hint("noObject");
    },
    merge(point) {
      const id = desk.objectAt(point);
      if (!id) return desk.hint("noObject");
      if (!first || first === id) {
        first = id;
        desk.marks.set("objects", { points: [point], dots: true });
        return;
      }
      desk.submit({ type: "object_merge", ids: [first, id] });
      reset();
    },
    split(point) {
      if (!points.length && !desk.objectAt(point)) return desk.hint("noObject");
      points.push(point);
      desk.marks.set("objects", { points, dots: true });
    },
  };

  return {
    down(point) {
      if (desk.inImage(point)) acts[desk.option("objectMode")](point);
    },
    move() {},
    up() {},
    cancel: reset,
    key(event) {
      if (event.key === "Escape" && (points.length || first)) reset();
      else if (event.key === "Enter" && points.length > 1) {
        desk.submit({ type: "object_split", points });
        reset();
      } else return false;
      return true;
    },
  };
}
