// Tools that do one thing where one clicks.

/** Gives the region under the pointer the current class; the option says which region. */
export function fillTool(desk) {
  return clickTool(desk, (point) => {
    const value = desk.classIndex();
    if (value !== null) desk.submit({ type: "fill", point, class_index: value, of: desk.option("fillOf") });
  });
}

/** Takes over what the model says of the region under the pointer. */
export function acceptTool(desk) {
  return clickTool(desk, (point) => desk.submit({ type: "accept", point, only_sure: desk.option("onlySure") }));
}

/** Takes the class of the label, or else of the prediction, under the pointer; the brush comes back. */
export function pickTool(desk) {
  return clickTool(desk, (point) => desk.pick(point));
}

function clickTool(desk, act) {
  return {
    down(point) {
      if (desk.inImage(point)) act(point);
    },
    move() {},
    up() {},
    cancel() {},
  };
}
