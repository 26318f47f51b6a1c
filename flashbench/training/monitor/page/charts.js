"use strict";
// One SVG chart: curves over epochs, horizontal references. No library, nothing fetched.

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 420, HEIGHT = 240, LEFT = 58, RIGHT = 8, TOP = 8, BOTTOM = 26;

function element(name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

function shortNumber(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  return size >= 1e4 || size < 1e-3 ? value.toExponential(2) : value.toPrecision(4);
}

function ticks(low, high, count) {
  const rough = (high - low) / count, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough);
  const found = [];
  for (let tick = Math.ceil(low / step) * step; tick <= high + 1e-9 * step; tick += step) found.push(tick);
  return found;
}

// curves: [{points: [[x, y], …], kind: "train" | "validation", colour, label}], references: [{value, kind}]
function chart(title, curves, references, logarithmic) {
  const usable = (y) => Number.isFinite(y) && (!logarithmic || y > 0);
  const forward = (y) => (logarithmic ? Math.log10(y) : y);
  const shown = curves.map((c) => ({ ...c, points: c.points.filter(([, y]) => usable(y)) }));
  const lines = references.filter((r) => usable(r.value));
  const ys = shown.flatMap((c) => c.points.map(([, y]) => forward(y))).concat(lines.map((r) => forward(r.value)));
  const figure = document.createElement("figure");
  figure.dataset.term = title;
  const caption = document.createElement("figcaption");
  caption.textContent = title;
  figure.append(caption);
  const svg = element("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": title });
  figure.append(svg);
  if (!ys.length) {
    svg.append(element("text", { x: WIDTH / 2, y: HEIGHT / 2, "text-anchor": "middle" }, "no values yet"));
    return figure;
  }
  const last = Math.max(1, ...shown.flatMap((c) => c.points.map(([x]) => x)));
  let low = Math.min(...ys), high = Math.max(...ys);
  const margin = high > low ? 0.05 * (high - low) : Math.abs(high) * 0.1 || 1;
  low -= margin;
  high += margin;
  const x = (epoch) => LEFT + (epoch / last) * (WIDTH - LEFT - RIGHT);
  const y = (value) => TOP + ((high - forward(value)) / (high - low)) * (HEIGHT - TOP - BOTTOM);
  for (const tick of ticks(low, high, 5)) {
    const at = TOP + ((high - tick) / (high - low)) * (HEIGHT - TOP - BOTTOM);
    svg.append(element("line", { class: "axis", x1: LEFT, x2: WIDTH - RIGHT, y1: at, y2: at }));
    const text = shortNumber(logarithmic ? 10 ** tick : tick);
    svg.append(element("text", { x: LEFT - 5, y: at + 4, "text-anchor": "end" }, text));
  }
  for (const tick of ticks(0, last, 6).filter(Number.isInteger)) {
    svg.append(element("text", { x: x(tick), y: HEIGHT - 8, "text-anchor": "middle" }, String(tick)));
  }
  for (const line of lines) {
    svg.append(element("line", { class: line.kind, x1: LEFT, x2: WIDTH - RIGHT, y1: y(line.value), y2: y(line.value) }));
  }
  for (const curve of shown) {
    if (!curve.points.length) continue;
    const d = curve.points.map(([a, b], k) => `${k ? "L" : "M"}${x(a).toFixed(1)} ${y(b).toFixed(1)}`).join("");
    const path = element("path", { class: curve.kind, stroke: curve.colour, d });
    path.append(element("title", {}, `${curve.label}, ${curve.kind}`));
    svg.append(path);
    const [a, b] = curve.points[curve.points.length - 1];
    if (curve.kind === "validation") svg.append(element("circle", { cx: x(a), cy: y(b), r: 2.5, fill: curve.colour }));
  }
  return figure;
}
