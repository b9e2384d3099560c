// Asks the application master what there is, and shows it; says so when nobody answers any more.

import { byId, each, html, text } from "./dom.js";
import { Graph } from "./graph.js";
import { Machine } from "./machine.js";
import { NodeView } from "./node.js";
import { amount, badge, bytes, clock, cores, look, percent, seconds, span } from "./words.js";

const ENDED = ["FINISHED", "FAILED", "STOPPED"];
const RETRY_MS = 700;
const PATIENCE_MS = 10_000;

const COLUMNS = [
  ["node", (node) => node.name],
  ["state", (node) => node.state.toUpperCase()],
  ["attempt", (node) => String(node.attempt)],
  ["rows in", (node) => amount(node.measured.rows_in)],
  ["rows/s in", (node) => amount(node.measured.rows_in_per_second)],
  ["rows/s out", (node) => amount(node.measured.rows_out_per_second)],
  ["queue in", (node) => percent(node.measured.queue_in_fill)],
  ["queue out", (node) => percent(node.measured.queue_out_fill)],
  ["CPU", (node) => cores(node.measured.cpu_cores)],
  ["memory", (node) => bytes(node.measured.memory_bytes)],
  ["heard", (node) => seconds(node.heartbeat_age_s)],
];

const graph = new Graph(byId("graph"), pick);
const machine = new Machine(byId("machine"));
const view = new NodeView();
let latest = null;
let picked = null;
let detailed = null;

function pick(node) {
  history.replaceState(null, "", `#${node}`);
  choose(node);
  show(latest);
  detail();
}

function choose(node) {
  if (node === picked) return;
  picked = node;
  view.pick(node);
}

const inHash = () => latest.nodes.find((node) => node.node === decodeURIComponent(location.hash.slice(1)));

function show(status) {
  latest = status;
  if (picked === null && status.nodes.length) choose((inHash() ?? status.nodes[0]).node);
  text(byId("job"), status.job);
  document.title = `${status.state} · ${status.job}`;
  badge(byId("state"), status.state);
  const since_s = status.transitions.at(-1).time_s;
  text(byId("since"), `since ${clock(since_s)} (${span(status.now_s - since_s)})`);
  text(byId("restarts"), status.restarts ? `restarts ${status.restarts}` : "");
  byId("cause").hidden = status.first_cause === null;
  text(byId("cause"), status.first_cause ?? "");
  graph.show(status, picked);
  machine.show(status);
  showTransitions(status.transitions);
  showEnds(status.nodes);
  showNodes(status.nodes);
  const node = status.nodes.find((one) => one.node === picked);
  if (node) view.show(node);
}

function showTransitions(transitions) {
  each(byId("transitions"), [...transitions].reverse(), (one) => `${one.time_s} ${one.line}`,
    (one) => html("li", {}, html("time", {}, clock(one.time_s)), one.line));
}

function showEnds(nodes) {
  const ends = nodes.flatMap((node) => node.ends.map((end) => ({ ...end, name: node.name })));
  ends.sort((one, other) => other.time_s - one.time_s);
  byId("no-ends").hidden = ends.length > 0;
  each(byId("ends"), ends, (end) => `${end.name} ${end.attempt} ${end.time_s} ${end.outcome}`,
    (end) => html("li", {}, html("time", {}, clock(end.time_s)), html("b", {}, `${end.name} attempt ${end.attempt} `),
      html("span", { class: `badge ${look(end.outcome)}` }, end.outcome.toUpperCase()), html("span", { class: "why" }, end.cause)));
}

function showNodes(nodes) {
  const table = byId("nodes");
  each(table.tHead.rows[0], COLUMNS, ([label]) => label, ([label]) => html("th", { scope: "col" }, label));
  each(table.tBodies[0], nodes, (node) => node.node,
    (node) => {
      const row = html("tr", {}, ...COLUMNS.map(() => html("td")));
      row.addEventListener("click", () => pick(node.node));
      return row;
    },
    (row, node) => {
      row.classList.toggle("picked", node.node === picked);
      COLUMNS.forEach(([, value], place) => text(row.cells[place], value(node)));
      row.cells[1].className = look(node.state);
    });
}

function showGone() {
  document.body.classList.toggle("gone", true);
  const told = latest ? ` Shown is what it told last, at ${clock(latest.now_s)}.` : "";
  const ended = latest && ENDED.includes(latest.state);
  text(byId("gone"), ended ? `The job has ended, and its application master has gone.${told}`
    : `The application master does not answer: it has gone, or is out of reach.${told}`);
  byId("gone").hidden = false;
}

function showBack() {
  document.body.classList.toggle("gone", false);
  byId("gone").hidden = true;
}

async function ask(state) {
  const response = await fetch(`api/status?state=${encodeURIComponent(state)}`, { signal: AbortSignal.timeout(PATIENCE_MS) });
  if (!response.ok) throw new Error(await response.text());
  return response.json();
}

// Once at a time for a node, and beside the status: a node that is slow to answer keeps nothing else.
async function detail() {
  const node = picked;
  if (node === null || detailed === node) return;
  detailed = node;
  await Promise.allSettled([view.update(), view.log.follow()]);
  if (detailed === node) detailed = null;
}

const pause = (ms) => new Promise((resume) => setTimeout(resume, ms));

const visible = () => new Promise((resume) => {
  const look = () => document.hidden || (document.removeEventListener("visibilitychange", look), resume());
  document.addEventListener("visibilitychange", look);
  look();
});

async function watch() {
  let failures = 0;
  for (;;) {
    await visible();
    let status;
    try {
      status = await ask(failures ? "" : latest?.state ?? ""); // answers within a second, at once if it is another
    } catch {
      failures += 1;
      if (failures > 1) showGone();
      await pause(RETRY_MS);
      continue;
    }
    failures = 0;
    if (latest && status.began_s !== latest.began_s) location.reload(); // another application master, at the same port
    show(status);
    showBack();
    detail();
  }
}

window.addEventListener("hashchange", () => {
  const node = latest && inHash();
  if (node) pick(node.node);
});

watch();
