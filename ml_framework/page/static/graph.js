// The cluster as a graph: the application master, roles with their nodes, and rows on their way.

import { each, set, svg, text } from "./dom.js";
import { amount, isNumber, look, percent, perSecond } from "./words.js";

const GAP = 8;
const MASTER_HEIGHT = 32;
const FEW = 12; // nodes in all, of which each gets a large tile
const LARGE = { width: 196, widest: 250, height: 68, bar: 9 };
const SMALL = { width: 76, widest: 96, height: 40, bar: 6 };

export class Graph {
  constructor(parent, pick) {
    this.parent = parent;
    this.pick = pick;
    this.wires = svg("g");
    this.master = svg("g", {}, svg("rect", { class: "box", rx: 6, height: MASTER_HEIGHT, x: 0.5, y: 0.5 }),
      svg("text", { class: "strong", x: 12, y: 21 }));
    this.roles = svg("g");
    this.root = svg("svg", { role: "group", "aria-label": "Roles and nodes" }, this.wires, this.master, this.roles);
    parent.append(this.root);
    new ResizeObserver(() => this.draw()).observe(parent);
  }

  show(status, picked) {
    this.status = status;
    this.picked = picked;
    this.draw();
  }

  draw() {
    if (!this.status || this.parent.clientWidth === 0) return;
    const width = Math.max(280, this.parent.clientWidth);
    const wide = width >= 640;
    const frame = { width, wide, left: wide ? 156 : 20, right: wide ? 122 : 2 };
    frame.tile = this.status.nodes.length <= FEW ? LARGE : SMALL;
    const roles = byRole(this.status.nodes);
    let y = MASTER_HEIGHT + 20;
    for (const role of roles) {
      Object.assign(role, placed(role.nodes.length, frame), { y });
      y += role.height + 14;
    }
    set(this.root, { viewBox: `0 0 ${width} ${y}`, height: y });
    set(this.master.firstChild, { width: Math.min(width - 2, 226) });
    text(this.master.lastChild, "application master");
    each(this.wires, wires(roles, frame), (wire) => wire.key, makeWire, updateWire);
    each(this.roles, roles, (role) => role.name, () => this.makeRole(), (group, role) => this.drawRole(group, role, frame));
  }

  makeRole() {
    return svg("g", {}, svg("rect", { class: "box", rx: 8 }), svg("text", { class: "strong", x: 12, y: 21 }),
      svg("text", { class: "small", x: 12, y: 39 }), svg("g"));
  }

  drawRole(group, role, frame) {
    const [box, title, rates, tiles] = group.children;
    set(group, { transform: `translate(${frame.left},${role.y})` });
    set(box, { width: role.width, height: role.height });
    text(title, `${role.name} × ${role.nodes.length}`);
    text(rates, frame.wide ? "" : flow(role));
    const place = (node, at) => ({
      node,
      x: GAP + (at % role.columns) * (role.tile + GAP),
      y: role.head + Math.floor(at / role.columns) * (frame.tile.height + GAP),
    });
    each(tiles, role.nodes.map(place), (item) => item.node.node, (item) => this.makeTile(item.node),
      (tile, item) => this.drawTile(tile, item, role.tile, frame.tile));
  }

  makeTile(node) {
    const bar = (kind) => [svg("rect", { class: "trough", rx: 2 }), svg("rect", { class: kind, rx: 2 })];
    const tile = svg("g", { class: "tile", role: "button", tabindex: 0, "data-node": node.node },
      svg("title"), svg("rect", { class: "body", rx: 6 }), ...bar("fill-in"), ...bar("fill-out"),
      svg("circle", { class: "dot", r: 4 }), svg("text", { class: "strong name" }),
      svg("text", { class: "said" }), svg("text", { class: "small rate" }));
    tile.addEventListener("click", () => this.pick(node.node));
    tile.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        this.pick(node.node);
      }
    });
    return tile;
  }

  drawTile(tile, { node, x, y }, width, size) {
    const [title, body, inTrough, inFill, outTrough, outFill, dot, name, said, rate] = tile.children;
    const large = size === LARGE;
    const state = node.state.toUpperCase();
    const picked = node.node === this.picked;
    const line = `${state} · attempt ${node.attempt}`;
    const measured = node.measured;
    const label = `${node.name} ${line}, queue in ${percent(measured.queue_in_fill)}, out ${percent(measured.queue_out_fill)}`;
    set(tile, { transform: `translate(${x},${y})`, class: `tile ${look(state)}${picked ? " picked" : ""}`,
      "aria-label": label, "aria-pressed": picked });
    text(title, label);
    set(body, { width, height: size.height });
    drawBar(inTrough, inFill, measured.queue_in_fill, 5, size);
    drawBar(outTrough, outFill, measured.queue_out_fill, width - 5 - size.bar, size);
    const inner = 5 + size.bar + 7;
    set(dot, { cx: inner + 4, cy: large ? 18 : 14 });
    set(name, { x: inner + 13, y: large ? 23 : 19 });
    text(name, large ? node.name : String(node.index));
    set(said, { x: inner, y: 42 });
    text(said, large ? line : "");
    set(rate, { x: inner, y: large ? 59 : 33 });
    text(rate, large ? flow({ nodes: [node] }) : shortRate(measured));
  }
}

function drawBar(trough, fill, value, x, size) {
  const height = size.height - 12;
  const shown = isNumber(value);
  const full = shown ? height * Math.min(1, Math.max(0, value)) : 0;
  set(trough, { x, y: 6, width: size.bar, height: shown ? height : 0 });
  set(fill, { x, y: 6 + height - full, width: size.bar, height: full });
}

const shortRate = ({ rows_in_per_second: rate }) => (isNumber(rate) ? `${amount(rate)}/s` : "");

function byRole(nodes) {
  const roles = new Map();
  for (const node of nodes) {
    if (!roles.has(node.role)) roles.set(node.role, { name: node.role, nodes: [] });
    roles.get(node.role).nodes.push(node);
  }
  return [...roles.values()];
}

// Size of a role's box and of its tiles.
function placed(count, { width: all, wide, left, right, tile }) {
  const width = all - left - right;
  const head = wide ? 32 : 48;
  const most = Math.max(1, Math.floor((width - GAP) / (tile.width + GAP)));
  const columns = Math.min(count, most);
  const rows = Math.ceil(count / columns);
  const share = Math.floor((width - GAP - columns * GAP) / columns);
  return { width, head, columns, tile: Math.min(tile.widest, share), height: head + rows * (tile.height + GAP) };
}

function total(role, name) {
  const known = role.nodes.map((node) => node.measured[name]).filter(isNumber);
  return known.length ? known.reduce((sum, value) => sum + value, 0) : null;
}

function flow(role) {
  const [into, out] = [total(role, "rows_in_per_second"), total(role, "rows_out_per_second")];
  const said = [into === null ? "" : `in ${amount(into)}`, out === null ? "" : `out ${amount(out)}`].filter(Boolean);
  return said.length ? `${said.join(" · ")} rows/s` : "";
}

// What connects: dashed what the application master says, solid what rows take.
function wires(roles, frame) {
  const last = roles.at(-1);
  const found = last ? [{ key: "trunk", path: `M10 ${MASTER_HEIGHT + 1}V${last.y + 16}`, dashed: true }] : [];
  for (const role of roles) {
    found.push({ key: `${role.name} control`, path: `M10 ${role.y + 16}H${frame.left}`, dashed: true });
    if (!frame.wide) continue;
    const y = role.y + role.height / 2 + 12;
    const [into, out] = [total(role, "rows_in_per_second"), total(role, "rows_out_per_second")];
    const right = frame.width - frame.right;
    if (into !== null) found.push(rows(`${role.name} in`, "rows from Flink", into, 28, frame.left - 3, y));
    if (out !== null) found.push(rows(`${role.name} out`, "rows to Flink", out, right + 3, frame.width - 3, y));
  }
  return found;
}

const rows = (key, label, rate, from, to, y) => ({
  key, label, rate: perSecond(rate), x: from, y, path: `M${from} ${y}H${to - 6}`,
  head: `M${to} ${y}l-9 -4.5v9z`,
});

function makeWire(wire) {
  return svg("g", {}, svg("path", { class: wire.dashed ? "wire dashed" : "wire" }), svg("path", { class: "head flow" }),
    svg("text", { class: "small" }), svg("text", { class: "small" }));
}

function updateWire(group, wire) {
  const [path, head, label, rate] = group.children;
  set(path, { d: wire.path });
  if (wire.dashed) return;
  set(head, { d: wire.head });
  set(label, { x: wire.x, y: wire.y - 8 });
  set(rate, { x: wire.x, y: wire.y + 18 });
  text(label, wire.label);
  text(rate, wire.rate);
}
