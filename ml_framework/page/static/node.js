// One node in detail: its numbers, their charts, its log.

import { Chart, OF_EVERY_NODE, ofUser } from "./charts.js";
import { byId, each, html, text } from "./dom.js";
import { Log } from "./log.js";
import { amount, badge, isNumber, MEASURED, seconds } from "./words.js";

const KEPT = 300;
const USER_CHARTS = 12;
const USER_NUMBERS = 24;

export class NodeView {
  constructor() {
    this.log = new Log(byId("log"), byId("log-path"));
    this.charts = byId("charts");
  }

  pick(node) {
    this.node = node;
    this.history = { taken: 0, times_s: [], measured: {}, numbers: {} };
    this.log.pick(node);
  }

  show(node) {
    text(byId("node-name"), node.name);
    badge(byId("node-state"), node.state);
    const facts = [`attempt ${node.attempt}`, node.address && `at ${node.address}`, node.pid && `process ${node.pid}`,
      isNumber(node.heartbeat_age_s) && `heard ${seconds(node.heartbeat_age_s)} ago`];
    text(byId("node-facts"), facts.filter(Boolean).join(" · "));
    const listed = Object.entries(MEASURED).filter(([name]) => name in node.measured)
      .map(([name, [label, format]]) => ({ name, label, value: format(node.measured[name]) }));
    const logged = Object.entries(node.numbers).sort().slice(0, USER_NUMBERS).map(([name, value]) => ({ name: `user ${name}`, label: name, value: amount(value) }));
    each(byId("numbers"), [...listed, ...logged], (entry) => entry.name,
      (entry) => html("div", {}, html("dt", {}, entry.label), html("dd")),
      (entry, { value }) => text(entry.lastChild, value));
    this.ends_s = node.ends.map((end) => end.time_s);
  }

  // Fetch what was measured since the last time, and draw it.
  async update() {
    const { node, history } = this;
    const { taken } = history;
    const response = await fetch(`api/history?node=${encodeURIComponent(node)}&after=${taken}`);
    const more = await response.json();
    if (history !== this.history || taken !== history.taken) return; // another was picked, or another answer came first
    if (response.ok) this.append(more);
    this.draw();
  }

  append(more) {
    const { times_s: times } = this.history;
    for (const group of ["measured", "numbers"]) {
      const known = this.history[group];
      for (const name of new Set([...Object.keys(known), ...Object.keys(more[group])])) {
        const before = known[name] ?? times.map(() => null);
        known[name] = [...before, ...(more[group][name] ?? more.times_s.map(() => null))].slice(-KEPT);
      }
    }
    this.history.times_s = [...times, ...more.times_s].slice(-KEPT);
    this.history.taken = more.taken;
  }

  draw() {
    const users = Object.keys(this.history.numbers).sort().slice(0, USER_CHARTS).map(ofUser);
    each(this.charts, [...OF_EVERY_NODE, ...users], (plan) => `${plan.parts[0].group} ${plan.title}`,
      (plan) => {
        const chart = new Chart(plan);
        chart.element.chart = chart;
        return chart.element;
      },
      (element) => element.chart.show(this.history, this.ends_s));
    byId("no-charts").hidden = this.history.times_s.length > 0;
  }
}
