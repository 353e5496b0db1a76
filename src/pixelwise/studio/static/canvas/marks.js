// What lies above the layers without being one: the polygon that is being drawn, the path of a trace, the asked point.
const SVG = "http://www.w3.org/2000/svg";

export class Marks {
  constructor(viewport) {
    this.viewport = viewport;
    this.element = document.createElementNS(SVG, "svg");
    this.element.setAttribute("class", "marks");
    this.element.setAttribute("aria-hidden", "true");
    this.shapes = {}; // name to {points, closed, dots, ring}
  }

  /** Shows points of the image as a line (`closed`: a polygon), as `dots` or as a `ring`; null takes it away. */
  set(name, shape) {
    if (shape) this.shapes[name] = shape;
    else delete this.shapes[name];
    this.draw();
  }

  clear() {
    this.shapes = {};
    this.draw();
  }

  draw() {
    const parts = [];
    for (const [name, { points, closed, dots, ring }] of Object.entries(this.shapes)) {
      const screen = points.map(([row, column]) => this.viewport.toScreen(row, column));
      if (ring) parts.push(...screen.flatMap(([x, y]) => circles(x, y, [["halo", 17], [`ring ${name}`, 17], ["dot", 2]])));
      else {
        const at = screen.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");
        for (const style of ["halo", `line ${name}`]) parts.push(make(closed ? "polygon" : "polyline", style, { points: at }));
      }
      if (dots) parts.push(...screen.flatMap(([x, y]) => circles(x, y, [["corner", 4]])));
    }
    this.element.replaceChildren(...parts);
  }
}

const circles = (cx, cy, list) => list.map(([style, r]) => make("circle", style, { cx, cy, r }));

function make(kind, style, attributes) {
  const element = document.createElementNS(SVG, kind);
  element.setAttribute("class", style);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}
