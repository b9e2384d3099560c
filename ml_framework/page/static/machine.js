// The state machine: every state, where the cluster is, and the way that it took last.

import { each, set, svg, text } from "./dom.js";
import { look } from "./words.js";

const PLACES = {
  INIT: [0, 0], RUNNING: [1, 0], STOPPING: [2, 0],
  FAILOVER: [1, 1],
  FAILED: [0, 2], FINISHED: [1, 2], STOPPED: [2, 2],
};
const HEIGHT = 26;
const ROW = 62;
const TOP = 26;

export class Machine {
  constructor(parent) {
    this.parent = parent;
    this.edges = svg("g");
    this.places = svg("g");
    this.root = svg("svg", { role: "img" }, this.edges, this.places);
    parent.append(this.root);
    new ResizeObserver(() => this.draw()).observe(parent);
  }

  show(status) {
    this.status = status;
    this.draw();
  }

  draw() {
    if (!this.status || this.parent.clientWidth === 0) return;
    const width = Math.min(480, this.parent.clientWidth);
    const box = Math.min(104, Math.floor((width - 40) / 3));
    const at = (state) => [box / 2 + 1 + PLACES[state][0] * ((width - box - 2) / 2), TOP + PLACES[state][1] * ROW];
    const height = TOP + 2 * ROW + HEIGHT / 2 + 2;
    const { state, transitions, edges } = this.status;
    const been = new Set(transitions.map((transition) => transition.state));
    const [before, now] = transitions.slice(-2).map((transition) => transition.state);
    set(this.root, { viewBox: `0 0 ${this.parent.clientWidth} ${height}`, height, "aria-label": `The cluster is in ${state}` });
    each(this.edges, edges.filter(([from, to]) => from in PLACES && to in PLACES), String,
      () => svg("g", {}, svg("path"), svg("path")),
      (group, [from, to]) => drawEdge(group, at(from), at(to), box, from === before && to === now ? " taken" : ""));
    each(this.places, Object.keys(PLACES), String,
      () => svg("g", {}, svg("rect", { rx: 6, height: HEIGHT, y: -HEIGHT / 2 }), svg("text")),
      (group, name) => {
        const [x, y] = at(name);
        const mark = name === state ? ` now ${look(name)}` : been.has(name) ? " been" : "";
        set(group, { transform: `translate(${x},${y})`, class: `place${mark}` });
        set(group.firstChild, { width: box, x: -box / 2 });
        text(group.lastChild, name);
      });
  }
}

function drawEdge(group, [x1, y1], [x2, y2], box, taken) {
  const over = y1 === y2 && Math.abs(x2 - x1) > box * 2; // another state stands in between
  const start = over ? [x1, y1 - HEIGHT / 2] : border([x1, y1], [x2, y2], box);
  const end = over ? [x2, y2 - HEIGHT / 2] : border([x2, y2], [x1, y1], box);
  const bend = [(x1 + x2) / 2, y1 - HEIGHT / 2 - 22];
  const [fromX, fromY] = over ? bend : start;
  const length = Math.hypot(end[0] - fromX, end[1] - fromY) || 1;
  const [ux, uy] = [(end[0] - fromX) / length, (end[1] - fromY) / length];
  const [bx, by] = [end[0] - ux * 8, end[1] - uy * 8];
  set(group.firstChild, { class: `edge${taken}`, d: over ? `M${start}Q${bend} ${bx},${by}` : `M${start}L${bx},${by}` });
  set(group.lastChild, { class: `head${taken}`, d: `M${end}L${bx - uy * 4},${by + ux * 4}L${bx + uy * 4},${by - ux * 4}z` });
}

// Where the line from the middle of a state towards another leaves its box.
function border([x, y], [towardsX, towardsY], box) {
  const [dx, dy] = [towardsX - x, towardsY - y];
  const scale = Math.min(box / 2 / Math.abs(dx || 1e-9), HEIGHT / 2 / Math.abs(dy || 1e-9));
  return [x + dx * scale, y + dy * scale];
}
