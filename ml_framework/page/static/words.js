// Numbers, times and states as people read them.

const NONE = "–";
const STEPS = [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]];
const BYTES = [[2 ** 40, "TiB"], [2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"]];

export const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

function digits(value) {
  if (value !== 0 && Math.abs(value) < 0.001) return value.toExponential(1);
  return String(Number(value.toPrecision(3)));
}

function stepped(value, steps, smallest) {
  const [size, unit] = steps.find(([least]) => Math.abs(value) >= least * 0.9995) ?? [1, smallest];
  return `${digits(value / size)}${unit ? ` ${unit}` : ""}`;
}

export const amount = (value) => (isNumber(value) ? stepped(value, STEPS, "") : NONE);
export const bytes = (value) => (isNumber(value) ? stepped(value, BYTES, "B") : NONE);
export const percent = (value) => (isNumber(value) ? `${Math.round(value * 100)} %` : NONE);
export const perSecond = (value) => (isNumber(value) ? `${amount(value)} rows/s` : "");
export const milliseconds = (value) => (isNumber(value) ? `${digits(value)} ms` : NONE);
export const seconds = (value) => (isNumber(value) ? `${value.toFixed(1)} s` : NONE);
export const cores = (value) => (isNumber(value) ? value.toFixed(2) : NONE);
export const clock = (time_s) => new Date(time_s * 1000).toLocaleTimeString("en-GB");

export function span(length_s) {
  const whole = Math.max(0, Math.floor(length_s));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  if (h > 0) return `${h} h ${m} min`;
  return m > 0 ? `${m} min ${s} s` : `${s} s`;
}

const LOOKS = {
  RUNNING: "good", FINISHED: "done", SUCCEEDED: "done", STOPPED: "done",
  FAILED: "bad", LOST: "bad",
};

// The class of a state of the cluster or of a node; whatever is not one of those above is on its way.
export const look = (state) => LOOKS[state.toUpperCase()] ?? "waiting";

export function badge(element, state) {
  if (element.textContent === state.toUpperCase()) return;
  element.textContent = state.toUpperCase();
  element.className = `badge ${look(state)}`;
}

// How each measured number is called and written, in the order in which they are listed.
export const MEASURED = {
  rows_in: ["rows in", amount],
  rows_out: ["rows out", amount],
  rows_in_per_second: ["rows/s in", amount],
  rows_out_per_second: ["rows/s out", amount],
  bytes_in_per_second: ["bytes/s in", bytes],
  bytes_out_per_second: ["bytes/s out", bytes],
  batch_rows: ["rows of a batch", amount],
  queue_in_fill: ["queue in", percent],
  queue_out_fill: ["queue out", percent],
  step_ms: ["time of a step", milliseconds],
  checkpoint_stall_ms: ["checkpoint stall", milliseconds],
  cpu_cores: ["CPU cores", cores],
  memory_bytes: ["memory", bytes],
  restarts: ["restarts in place", amount],
  model_version: ["model version", String],
};
