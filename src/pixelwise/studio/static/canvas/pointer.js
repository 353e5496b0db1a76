// Mouse, pen, touch and keyboard on the stage: they move the view or drive the tool.
const ZOOM_STEP = 1.0018; // factor a unit of a wheel's delta
const USES_SPACE = "button, input, select, textarea, a, summary, dialog"; // elements that Space presses or types into
const KEY_STEP = 8; // screen pixels that an arrow key moves the crosshair

export class Pointer {
  /**
   * A tool has `down(point, event)`, `move(points, event)`, `up(point)`, `cancel()` and, where it takes keys, `key(event)`
   * that tells whether it used the key; points are [row, column] of the image.
   */
  constructor(stage, { tool, brushSize, onHover }) {
    Object.assign(this, { stage, tool, brushSize, onHover });
    this.element = stage.element;
    this.viewport = stage.viewport;
    this.position = null; // [x, y] of the pointer on the stage
    this.drawing = null; // pointerId of the pointer that drives the tool
    this.panning = null; // {id, x, y}
    this.touches = new Map();
    this.space = false;
    this.penSeen = false;
    this.keyDown = false; // the crosshair's pen is down
    this.ring = document.createElement("div");
    this.ring.className = "brush-ring";
    this.ring.hidden = true;
    this.element.append(this.ring);
    this.listen();
  }

  listen() {
    const on = (name, handler, options) => this.element.addEventListener(name, handler.bind(this), options);
    on("pointerdown", this.down);
    on("pointermove", this.move);
    on("pointerup", this.up);
    on("pointercancel", this.cancel);
    on("pointerleave", this.leave);
    on("wheel", this.wheel, { passive: false });
    on("keydown", this.key);
    on("contextmenu", (event) => event.preventDefault());
    on("auxclick", (event) => event.preventDefault());
    window.addEventListener("keydown", (event) => {
      if (event.code !== "Space" || event.target.closest?.(USES_SPACE)) return;
      event.preventDefault();
      this.setSpace(true);
    });
    window.addEventListener("keyup", (event) => {
      if (event.code === "Space") this.setSpace(false);
    });
    window.addEventListener("blur", () => this.setSpace(false));
  }

  setSpace(space) {
    this.space = space;
    this.element.classList.toggle("grab", space);
    this.moveRing();
  }

  /** Where the pointer is in the image, or null when it is elsewhere. */
  point() {
    return this.position && this.viewport.toImage(...this.position);
  }

  place(event) {
    const { left, top } = this.element.getBoundingClientRect();
    return [event.clientX - left, event.clientY - top];
  }

  image(event) {
    const [row, column] = this.viewport.toImage(...this.place(event));
    return [Math.round(row * 100) / 100, Math.round(column * 100) / 100];
  }

  down(event) {
    this.element.focus({ preventScroll: true });
    this.element.setPointerCapture(event.pointerId);
    if (event.pointerType === "pen") this.penSeen = true;
    if (event.pointerType === "touch") {
      this.touches.set(event.pointerId, this.place(event));
      if (this.touches.size === 2) this.startPinch();
      if (this.touches.size > 1) return;
    }
    const pans = event.button === 1 || this.space || (event.pointerType === "touch" && this.penSeen);
    if (pans) {
      const [x, y] = this.place(event);
      this.panning = { id: event.pointerId, x, y };
      this.element.classList.add("grabbing");
    } else if (event.button === 0 || event.button === 2) {
      this.drawing = event.pointerId;
      this.tool().down(this.image(event), event);
    }
  }

  move(event) {
    this.position = this.place(event);
    if (this.touches.has(event.pointerId)) {
      this.touches.set(event.pointerId, this.position);
      if (this.touches.size > 1) return this.pinch();
    }
    if (this.panning?.id === event.pointerId) {
      const [x, y] = this.position;
      this.viewport.panBy(x - this.panning.x, y - this.panning.y);
      Object.assign(this.panning, { x, y });
    } else {
      const events = this.drawing === event.pointerId ? event.getCoalescedEvents?.() : null;
      const points = (events?.length ? events : [event]).map((one) => this.image(one));
      this.tool().move(points, event);
    }
    this.moveRing();
    this.onHover(this.point());
  }

  up(event) {
    this.touches.delete(event.pointerId);
    if (this.panning?.id === event.pointerId) {
      this.panning = null;
      this.element.classList.remove("grabbing");
    }
    if (this.drawing === event.pointerId) {
      this.drawing = null;
      this.tool().up(this.image(event));
    }
    if (event.pointerType === "touch") this.leave();
  }

  cancel(event) {
    this.touches.delete(event.pointerId);
    this.panning = null;
    if (this.drawing !== null) this.tool().cancel();
    this.drawing = null;
  }

  leave() {
    if (this.drawing !== null || this.panning) return;
    this.position = null;
    this.moveRing();
    this.onHover(null);
  }

  startPinch() {
    if (this.drawing !== null) this.tool().cancel();
    this.drawing = null;
    this.pinched = this.pinchState();
  }

  pinchState() {
    const [[x0, y0], [x1, y1]] = [...this.touches.values()];
    return { x: (x0 + x1) / 2, y: (y0 + y1) / 2, span: Math.max(8, Math.hypot(x1 - x0, y1 - y0)) };
  }

  pinch() {
    const before = this.pinched;
    const now = this.pinchState();
    this.viewport.panBy(now.x - before.x, now.y - before.y);
    this.viewport.zoomAt(now.x, now.y, now.span / before.span);
    this.pinched = now;
  }

  wheel(event) {
    event.preventDefault();
    const unit = event.deltaMode === 1 ? 33 : 1; // lines, or pixels
    if (event.shiftKey) this.viewport.panBy(-(event.deltaX + event.deltaY) * unit, 0);
    else this.viewport.zoomAt(...this.place(event), ZOOM_STEP ** (-event.deltaY * unit * (event.ctrlKey ? 4 : 1)));
    this.moveRing();
  }

  /** The arrow keys move a crosshair, Enter presses and lifts the pen: everything can be drawn without a mouse. */
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = event.shiftKey ? 1 : KEY_STEP;
    const [dx, dy] = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key] ?? [];
    if (dx === undefined && event.key !== "Enter") return;
    if (event.key === "Enter" && this.tool().key?.(event)) return event.stopPropagation();
    event.preventDefault();
    this.position ??= [this.viewport.width / 2, this.viewport.height / 2];
    const at = () => this.viewport.toImage(...this.position);
    if (event.key === "Enter") {
      if (event.repeat) return;
      if (this.keyDown) this.tool().up(at());
      else this.tool().down(at(), event);
      this.keyDown = !this.keyDown && this.tool().drags === true;
      if (!this.keyDown && !this.tool().drags) this.tool().up(at());
    } else {
      this.position = [this.position[0] + dx, this.position[1] + dy];
      const point = at();
      this.viewport.reveal(point, 24);
      this.position = this.viewport.toScreen(...point);
      this.tool().move([at()], event);
    }
    this.moveRing();
    this.onHover(at());
  }

  /** Draws the outline of the brush where the pointer is. */
  moveRing() {
    const size = this.tool().showsBrush ? this.brushSize() * this.viewport.scale : 0;
    const tiny = size < 6;
    this.ring.hidden = !this.position || this.space || !this.tool().showsBrush;
    this.element.classList.toggle("brushing", !this.ring.hidden && !tiny);
    if (this.ring.hidden) return;
    const shown = Math.max(size, 6);
    this.ring.style.width = this.ring.style.height = `${shown}px`;
    this.ring.style.transform = `translate(${this.position[0] - shown / 2}px, ${this.position[1] - shown / 2}px)`;
  }
}
