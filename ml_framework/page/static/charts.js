// Charts of a node's numbers over time: lines, or areas one upon the other.

import { each, html, set, svg, text } from "./dom.js";
import { amount, bytes, clock, cores, isNumber, milliseconds, percent, span } from "./words.js";

const WIDTH = 300;
const HEIGHT = 90;
const GAP_S = 15; // a longer time without a sample is a gap in the line

const line = (name, label) => ({ group: "measured", name, label });

export const OF_EVERY_NODE = [
  { title: "Rows per second", format: amount, parts: [line("rows_in_per_second", "in"), line("rows_out_per_second", "out")] },
  {
    title: "Where the time goes, ms of each second", format: amount, stacked: true, top: 1000,
    parts: [line("compute_ms_per_second", "user code"), line("wait_ms_per_second", "waits for rows or ranks"),
      line("blocked_ms_per_second", "blocked on output"), line("decode_ms_per_second", "decodes"), line("encode_ms_per_second", "encodes")],
  },
  { title: "Queues, how full", format: percent, top: 1, parts: [line("queue_in_fill", "in"), line("queue_out_fill", "out")] },
  { title: "Time of a step", format: milliseconds, parts: [line("step_ms", "step"), line("checkpoint_stall_ms", "checkpoint stall")] },
  { title: "CPU cores", format: cores, parts: [line("cpu_cores", "process and children")] },
  { title: "Memory", format: bytes, parts: [line("memory_bytes", "process and children")] },
];

export const ofUser = (name) => ({
  title: name, format: amount, free: true, parts: [{ group: "numbers", name, label: "logged" }],
});

export class Chart {
  constructor(plan) {
    this.plan = plan;
    this.entries = html("div", { class: "entries" });
    this.lines = svg("g");
    this.marks = svg("g");
    this.cursor = svg("path", { class: "cursor" });
    this.root = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, height: HEIGHT, preserveAspectRatio: "none" },
      svg("path", { class: "grid", d: `M0 .5H${WIDTH}M0 ${HEIGHT - 0.5}H${WIDTH}` }), this.lines, this.marks, this.cursor);
    this.most = html("span");
    this.from = html("span");
    this.until = html("span");
    this.element = html("figure", {}, html("figcaption", {}, plan.title), this.entries,
      html("div", { class: "scale" }, this.most), this.root, html("div", { class: "scale" }, this.from, this.until));
    this.root.addEventListener("pointermove", (event) => this.point(event));
    this.root.addEventListener("pointerleave", () => this.point(null));
  }

  // `history` has times_s, measured and numbers; `ends_s` are when attempts of the node ended.
  show(history, ends_s) {
    this.times = history.times_s;
    const attempts = history.measured.attempt ?? [];
    const parts = this.plan.parts
      .map((part, place) => ({ ...part, place, values: history[part.group][part.name] }))
      .filter(({ values }) => values?.some(isNumber));
    this.element.hidden = parts.length === 0;
    if (this.element.hidden) return;
    this.parts = parts;
    const shown = this.plan.stacked ? stacked(parts) : parts;
    const [low, high] = this.range(shown);
    const [first, last] = [this.times[0], this.times.at(-1)];
    const x = (time_s) => (last > first ? ((time_s - first) / (last - first)) * WIDTH : WIDTH);
    const y = (value) => HEIGHT - 1 - ((value - low) / (high - low)) * (HEIGHT - 2);
    this.x = x;
    each(this.lines, shown, (part) => part.name, (part) => svg("path", { class: `${this.plan.stacked ? "area" : "plot"} s${part.place + 1}` }),
      (line, part) => set(line, { d: path(part, this.times, attempts, x, y) }));
    each(this.marks, ends_s.filter((time_s) => time_s > first && time_s < last), String, () => svg("path", { class: "mark" }),
      (mark, time_s) => set(mark, { d: `M${x(time_s)} 0V${HEIGHT}` }));
    const floor = low === 0 ? "" : ` · from ${this.plan.format(low)}`;
    text(this.most, `to ${this.plan.format(high)}${floor}`);
    text(this.from, last > first ? `${span(last - first)} ago` : "");
    this.label();
  }

  range(shown) {
    const values = shown.flatMap((part) => part.values.filter(isNumber));
    const [least, most] = [Math.min(...values), Math.max(...values)];
    if (this.plan.free && least !== most) {
      const margin = (most - least) * 0.08;
      return [least < 0 ? least - margin : Math.max(0, least - margin), most + margin];
    }
    const unit = this.plan.format === bytes ? 1024 ** Math.floor(Math.log2(Math.max(1, most)) / 10) : 1;
    const high = Math.max(this.plan.top ?? 0, rounded(most / unit) * unit);
    return [Math.min(0, -rounded(-least)), high || 1];
  }

  point(event) {
    if (event === null || !this.times?.length) {
      this.at = undefined;
      set(this.cursor, { d: "" });
    } else {
      const box = this.root.getBoundingClientRect();
      const wanted = ((event.clientX - box.left) / box.width) * WIDTH;
      this.at = this.times.reduce((best, time_s) => (Math.abs(this.x(time_s) - wanted) < Math.abs(this.x(best) - wanted) ? time_s : best));
      set(this.cursor, { d: `M${this.x(this.at)} 0V${HEIGHT}` });
    }
    if (this.parts) this.label();
  }

  label() {
    const place = this.at === undefined ? this.times.length - 1 : Math.max(0, this.times.indexOf(this.at));
    each(this.entries, this.parts, (part) => part.name,
      (part) => html("span", {}, html("i", { class: `s${part.place + 1}` }), html("span")),
      (entry, part) => text(entry.lastChild, `${part.label} ${this.plan.format(part.values[place])}`));
    text(this.until, this.at === undefined ? "now" : clock(this.at));
  }
}

// 1, 2 or 5 times a power of ten, not below `value`; 0 for what is not above it.
function rounded(value) {
  if (!(value > 0)) return 0;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value * 0.999) ?? value;
}

function stacked(parts) {
  let top = parts[0].values.map(() => 0);
  return parts.map((part) => {
    const base = top;
    top = part.values.map((value, place) => base[place] + (isNumber(value) ? value : 0));
    return { ...part, values: part.values.map((value, place) => (isNumber(value) ? top[place] : null)), base };
  });
}

// The places of samples that belong together: a gap divides them, and the beginning of another attempt.
function* runs(times, values, attempts) {
  let run = [];
  for (const place of values.keys()) {
    if (!isNumber(values[place])) continue;
    const last = run.at(-1);
    if (last !== undefined && (times[place] - times[last] > GAP_S || attempts[place] !== attempts[last])) {
      yield run;
      run = [];
    }
    run.push(place);
  }
  if (run.length) yield run;
}

function path({ values, base }, times, attempts, x, y) {
  const point = (line) => (place) => `${x(times[place]).toFixed(1)} ${y(line[place]).toFixed(1)}`;
  const drawn = (run) => {
    const line = `M${run.map(point(values)).join("L")}`;
    if (base) return `${line}L${[...run].reverse().map(point(base)).join("L")}z`;
    return run.length > 1 ? line : `${line}h.1`; // a sample alone is a dot
  };
  return [...runs(times, values, attempts)].map(drawn).join("");
}
