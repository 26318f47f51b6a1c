"use strict";
// Asks the server every second; draws the table and the curves anew where something changed. Names are only ever text.

const EVERY = 1000; // ms
const COLOURS = ["#1f6feb", "#d1242f", "#1a7f37", "#9a6700", "#8250df", "#bf3989", "#0a7ea4", "#57606a"];
const DEFAULT_SHOWN = 3;
const FIXED = ["state", "name", "group", "epoch", "left"];
const page = Object.fromEntries(
  ["root", "counts", "connection", "group", "state", "text", "term", "logarithm", "best", "none", "trainings", "charts"]
    .map((id) => [id, document.getElementById(id)]),
);
const memory = { overview: null, histories: new Map(), shown: new Set(), chosen: false, sort: null, drawn: "" };

const best = (training, term) => training.best.terms[term];
const parametersOf = (trainings) => [...new Set(trainings.flatMap((t) => Object.keys(t.parameters)))].sort();

function termsOf(trainings) {
  const found = new Set();
  for (const t of trainings) for (const terms of [t.best.terms, t.last.validation]) Object.keys(terms).forEach((n) => found.add(n));
  return [...found];
}

function filtered() {
  const text = page.text.value.trim().toLowerCase();
  return memory.overview.trainings.filter((t) =>
    (!page.group.value || t.group === page.group.value) && (!page.state.value || t.state === page.state.value)
    && (!text || JSON.stringify([t.id, t.name, t.parameters]).toLowerCase().includes(text)));
}

function valueOf(training, column) {
  if (column.startsWith("term ")) return best(training, column.slice(5)) ?? Infinity;
  if (column.startsWith("parameter ")) return JSON.stringify(training.parameters[column.slice(10)] ?? "");
  return { state: training.state, name: training.id, group: training.group, epoch: training.epoch,
    left: training.eta ?? Infinity }[column];
}

function ranked(trainings) {
  const { column, down } = memory.sort ?? { column: `term ${page.term.value}`, down: false };
  const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
  return [...trainings].sort((a, b) => (down ? -1 : 1) * compare(valueOf(a, column), valueOf(b, column)));
}

function options(select, values, keep) {
  const chosen = select.value || keep;
  const wanted = [...(select === page.term ? [] : [""]), ...values];
  if (JSON.stringify(wanted) === JSON.stringify([...select.options].map((o) => o.value))) return;
  select.replaceChildren(...wanted.map((value) => {
    const option = document.createElement("option");
    option.value = value;
    option.textContent = value || "all";
    return option;
  }));
  select.value = wanted.includes(chosen) ? chosen : wanted[0] ?? "";
}

function cell(content, text = false) {
  const made = document.createElement("td");
  if (text) made.className = "text";
  made.append(content);
  return made;
}

function duration(seconds) {
  if (seconds === null || seconds === undefined) return "";
  const whole = Math.round(seconds);
  return whole < 60 ? `${whole} s` : whole < 3600 ? `${Math.floor(whole / 60)} min ${whole % 60} s`
    : `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

function colourOf(id) {
  const index = [...memory.shown].indexOf(id);
  return index < 0 ? null : COLOURS[index % COLOURS.length];
}

function row(training, terms, parameters) {
  const made = document.createElement("tr");
  made.dataset.id = training.id;
  if (memory.shown.has(training.id)) made.className = "shown";
  const badge = document.createElement("span");
  badge.className = `state ${training.state}`;
  badge.textContent = training.state;
  badge.title = training.error;
  const name = document.createElement("span");
  if (colourOf(training.id)) {
    const swatch = document.createElement("span");
    swatch.className = "swatch";
    swatch.style.background = colourOf(training.id);
    name.append(swatch);
  }
  name.append(training.name + (training.name === training.kind || !training.kind ? "" : ` · ${training.kind} ${training.primary}`));
  name.title = training.error || training.id;
  const progress = document.createElement("span");
  if (training.epochs) {
    const bar = document.createElement("progress");
    bar.max = training.epochs;
    bar.value = training.epoch;
    progress.append(`${training.epoch} / ${training.epochs} `, bar);
  }
  made.append(cell(badge, true), cell(name, true), cell(training.group, true), cell(progress), cell(duration(training.eta)));
  for (const each of parameters) {
    const value = training.parameters[each];
    made.append(cell(value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value)));
  }
  for (const term of terms) made.append(cell(shortNumber(best(training, term))));
  made.addEventListener("click", () => {
    memory.chosen = true;
    if (!memory.shown.delete(training.id)) memory.shown.add(training.id);
    refresh();
  });
  return made;
}

function referenceRows(trainings, terms, parameters) {
  const first = trainings.find((t) => t.reference.benchmark);
  if (!first) return [];
  return ["benchmark", "floor"].map((kind) => {
    const made = document.createElement("tr");
    made.className = "reference";
    made.append(cell("", true), cell(kind, true), cell(first.group, true), cell(""), cell(""));
    for (const each of parameters) { void each; made.append(cell("")); }
    for (const term of terms) made.append(cell(shortNumber(first.reference[kind]?.[term])));
    return made;
  });
}

function drawTable(trainings) {
  const terms = termsOf(trainings), parameters = parametersOf(trainings);
  const columns = [...FIXED, ...parameters.map((p) => `parameter ${p}`), ...terms.map((t) => `term ${t}`)];
  const sorted = memory.sort?.column ?? `term ${page.term.value}`;
  page.trainings.tHead.rows[0].replaceChildren(...columns.map((column, k) => {
    const made = document.createElement("th");
    made.textContent = column.replace(/^(parameter|term) /, "");
    made.className = (k < 3 ? "text " : "") + (column === sorted ? "sorted" : "");
    made.addEventListener("click", () => {
      memory.sort = { column, down: memory.sort?.column === column && !memory.sort.down };
      refresh();
    });
    return made;
  }));
  page.trainings.tBodies[0].replaceChildren(
    ...trainings.map((t) => row(t, terms, parameters)), ...referenceRows(trainings, terms, parameters));
}

function drawCharts(trainings) {
  const shown = [...memory.shown].map((id) => trainings.find((t) => t.id === id)).filter(Boolean);
  const terms = new Set();
  for (const t of shown) {
    for (const epoch of memory.histories.get(t.id) ?? []) {
      for (const kind of ["train", "validation"]) Object.keys(epoch[kind]).forEach((name) => terms.add(name));
    }
  }
  page.charts.replaceChildren(...[...terms].map((term) => {
    const curves = shown.flatMap((t) => ["train", "validation"].map((kind) => ({
      kind, colour: colourOf(t.id), label: `${t.group} ${t.name}`,
      points: (memory.histories.get(t.id) ?? []).map((e) => [e.epoch, e[kind][term]]),
    })));
    const first = shown.find((t) => t.reference.benchmark)?.reference ?? {};
    const references = ["benchmark", "floor"].map((kind) => ({ kind, value: first[kind]?.[term] }));
    references.push({ kind: "limit", value: first.limits?.[term] });
    return chart(term, curves, references, page.logarithm.checked);
  }));
}

async function ask(path) {
  const answer = await fetch(path, { cache: "no-store" });
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}

async function readHistories() {
  await Promise.all([...memory.shown].map(async (id) => {
    const training = memory.overview.trainings.find((t) => t.id === id);
    const known = memory.histories.get(id) ?? [];
    if (!training || training.epoch === known.length) return;
    const from = training.epoch > known.length ? known.length : 0; // shorter: it was started anew
    const found = await ask(`/api/history?id=${encodeURIComponent(id)}&from=${from}`);
    memory.histories.set(id, [...known.slice(0, from), ...found.epochs]);
  }));
}

function chooseFirst(trainings) {
  if (memory.chosen) return;
  const running = trainings.filter((t) => t.epoch && t.state === "running");
  const others = trainings.filter((t) => t.epoch && t.state !== "running");
  memory.shown = new Set([...running, ...others].slice(0, DEFAULT_SHOWN).map((t) => t.id));
}

function refresh() {
  if (!memory.overview) return;
  const all = memory.overview.trainings;
  options(page.group, [...new Set(all.map((t) => t.group).filter(Boolean))].sort());
  options(page.state, [...new Set(all.map((t) => t.state))].sort());
  const trainings = filtered();
  options(page.term, termsOf(trainings.length ? trainings : all), all.find((t) => t.group)?.minimise ?? "total");
  const counts = Object.entries(Object.groupBy(all, (t) => t.state)).map(([name, some]) => `${some.length} ${name}`);
  page.counts.textContent = counts.sort().join(", ") || "no trainings yet";
  page.root.textContent = memory.overview.root;
  chooseFirst(ranked(trainings));
  drawTable(ranked(trainings));
  drawCharts(trainings);
}

async function poll() {
  try {
    memory.overview = await ask("/api/overview");
    if (!memory.chosen) chooseFirst(ranked(filtered()));
    await readHistories();
    page.connection.textContent = "";
    page.connection.className = "";
    const state = JSON.stringify([memory.overview.trainings, [...memory.shown], [...memory.histories].map(([i, h]) => [i, h.length])]);
    if (state !== memory.drawn) refresh();
    memory.drawn = state;
  } catch (error) {
    page.connection.textContent = `no answer from the server (${error.message}); trying again`;
    page.connection.className = "lost";
  }
  setTimeout(poll, EVERY);
}

for (const control of ["group", "state", "text", "logarithm"]) page[control].addEventListener("input", refresh);
page.term.addEventListener("input", () => { memory.sort = null; refresh(); });
page.best.addEventListener("click", async () => {
  memory.chosen = true;
  memory.shown = new Set(ranked(filtered()).filter((t) => t.epoch).slice(0, 5).map((t) => t.id));
  await readHistories();
  refresh();
});
page.none.addEventListener("click", () => { memory.chosen = true; memory.shown.clear(); refresh(); });
poll();
