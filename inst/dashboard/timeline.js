// The timeline: a lane for what waits, and one for each worker, with a bar for each future of this session and the slots that were busy for others.
"use strict";

const SVG = "http://www.w3.org/2000/svg";
const ROW = 15, BAR = 11, AXIS = 20;
const RANGES = [60, 300, 900, 3600];
let range = 60; // seconds shown
let isChosenRange = false; // else it grows with what there is to show
let chosen = null; // the future whose details are shown

function draw(name, attributes) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
}

function startTimeline() {
  $("ranges").addEventListener("click", (event) => {
    if (!event.target.dataset.seconds) return;
    isChosenRange = true;
    choose(Number(event.target.dataset.seconds));
    showTimeline();
  });
  $("timeline").addEventListener("pointerover", (event) => event.target.dataset.id && showDetail(event.target.dataset.id));
  $("timeline").addEventListener("click", (event) => {
    chosen = event.target.dataset.id || null;
    showDetail(chosen);
    showTimeline();
  });
  window.addEventListener("resize", () => state && showTimeline());
  choose(range);
}

function choose(seconds) {
  range = seconds;
  for (const button of $("ranges").children) button.setAttribute("aria-pressed", Number(button.dataset.seconds) === seconds);
}

// The shortest range that shows all there is, up to 15 minutes.
function fitRange() {
  const age = now() - state.began;
  choose(RANGES.find((seconds) => age <= seconds) || RANGES[2]);
  if (range > RANGES[2]) choose(RANGES[2]);
}

function findFuture(id) {
  return (state.futures || []).find((future) => future.id === id) || ended.get(id);
}

function showDetail(id) {
  const future = id && findFuture(id);
  if (!future) return setText("detail", state.is_session ? "Choose a bar for details." : "");
  const end = future.ended || now();
  const waited = (future.started || end) - future.submitted;
  const parts = [future.label + ": " + ({ arriving: "result arrives", error: "ended with an error" }[future.state] || future.state)];
  if (future.worker) parts.push("on " + future.worker);
  if (future.started) parts.push("for " + duration(end - future.started));
  parts.push("after waiting " + duration(waited));
  if (future.sent) parts.push(bytesText(future.sent) + " sent");
  if (future.received) parts.push(bytesText(future.received) + " received");
  setText("detail", parts.join(", "));
}

// The first row that is free at each start. The next future starts while the result of the last one arrives: that is no other slot.
function rowsOf(bars) {
  const freeAt = [], overlap = range / 300;
  for (const bar of bars) {
    let row = freeAt.findIndex((at) => at <= bar.from + overlap);
    if (row < 0) row = freeAt.length;
    freeAt[row] = bar.to;
    bar.row = row;
  }
  return freeAt.length;
}

// Bars that are too small to choose become one with their neighbor of the same kind: there may be thousands.
function joinSmall(bars, x) {
  const last = [], out = [];
  for (const bar of bars) {
    const before = last[bar.row];
    const isSmall = x(bar.to) - x(bar.from) < 3;
    if (isSmall && before && before.isSmall && before.kind === bar.kind && x(bar.from) - x(before.to) < 2) {
      before.to = Math.max(before.to, bar.to);
      before.id = null;
    } else {
      out.push((last[bar.row] = { ...bar, isSmall }));
    }
  }
  return out;
}

function barsOf(futures, from, until) {
  const bars = { "": [] };
  for (const future of futures) {
    const end = future.ended || until;
    if (end < from) continue;
    const add = (lane, a, b, kind) => b > from && (bars[lane] = bars[lane] || []).push({ from: a, to: Math.max(b, a + 0.001), kind, id: future.id });
    if (future.state === "waiting") add("", future.submitted, until, "waiting");
    else if (future.worker && future.started) add("@" + future.worker, future.started, end, { running: "running", arriving: "running", done: "done" }[future.state] || "failed");
  }
  for (const lane of Object.values(bars)) lane.sort((a, b) => a.from - b.from);
  return bars;
}

// [{from, to, n}]: how many slots were busy for others.
function othersOf(member, from, until) {
  const known = loads.get(member) || [], out = [];
  known.forEach((load, i) => {
    const to = i + 1 < known.length ? known[i + 1].at : until;
    const n = load.busy === null ? 0 : load.busy - (state.is_session ? load.ours : 0);
    if (n > 0 && to > from) out.push({ from: Math.max(load.at, from), to, n });
  });
  return out;
}

// A step of the axis that leaves about 90 pixels for each label.
function axisStep(width) {
  const steps = [5, 10, 15, 30, 60, 120, 300, 600, 900, 1800];
  return steps.find((step) => (step / range) * width >= 90) || 1800;
}

function showTimeline() {
  if (!state) return;
  if (!isChosenRange) fitRange();
  const until = now(), from = until - range;
  const bars = barsOf([...ended.values(), ...(state.futures || []).filter((future) => !ended.has(future.id))], from, until);
  const lanes = inOrder(state.workers || []).map((worker) => ({ worker, bars: bars["@" + worker.member] || [], others: othersOf(worker.member, from, until) }))
    .filter((lane) => isThere(lane.worker) || lane.bars.length || lane.others.length);
  if (bars[""].length) lanes.unshift({ worker: null, bars: bars[""], others: [] });
  const box = $("timeline");
  const width = Math.max(200, laneWidth(box));
  const x = (at) => (width * (Math.min(Math.max(at, from), until) - from)) / range;
  const nodes = lanes.map((lane) => laneNode(lane, x, width, until));
  nodes.push(axisNode(x, width, from, until));
  if (lanes.length === 0) nodes.unshift(element("p", { class: "empty" }, "No worker yet."));
  box.replaceChildren(...nodes);
  if (chosen || $("detail").textContent === "") showDetail(chosen);
}

// The space beside the names, or below them on a phone.
function laneWidth(box) {
  return window.matchMedia("(max-width: 640px)").matches ? box.clientWidth : box.clientWidth - 202;
}

function ticks(x, width, from, until) {
  const step = axisStep(width), out = [];
  for (let at = Math.ceil(from / step) * step; at <= until; at += step) out.push(at);
  return out;
}

function laneNode(lane, x, width, until) {
  const worker = lane.worker;
  const slots = worker ? worker.slots : 0;
  const most = Math.max(1, rowsOf(lane.bars), Math.min(slots, 8), Math.min(8, Math.max(0, ...lane.others.map((part) => part.n))));
  const rows = Math.min(most, 24), height = Math.max(36, rows * ROW + 8), top = (height - rows * ROW) / 2;
  const svg = draw("svg", { height, viewBox: "0 0 " + width + " " + height, preserveAspectRatio: "none", role: "img" });
  for (const at of ticks(x, width, until - range, until)) svg.append(draw("line", { class: "grid", x1: x(at), x2: x(at), y1: 0, y2: height }));
  for (const part of lane.others) {
    const tall = Math.min(part.n, rows) * ROW;
    svg.append(draw("rect", { class: "f-others", x: x(part.from), width: Math.max(1, x(part.to) - x(part.from)), y: top + rows * ROW - tall, height: tall }));
  }
  for (const bar of joinSmall(lane.bars, x)) {
    if (bar.row >= rows) continue;
    const node = draw("rect", { class: "f-" + bar.kind + (bar.id === chosen ? " chosen" : ""), x: x(bar.from), width: Math.max(2, x(bar.to) - x(bar.from) - 1), y: top + bar.row * ROW + (ROW - BAR) / 2, height: BAR, rx: 2.5 });
    if (bar.id) node.dataset.id = bar.id;
    svg.append(node);
  }
  const running = lane.bars.filter((bar) => bar.kind === "running").length;
  svg.setAttribute("aria-label", worker ? plural(lane.bars.length, "future") + ", " + running + " running" : plural(lane.bars.length, "future") + " waiting");
  const name = worker ? named(worker.user + "@" + worker.machine, isThere(worker) ? plural(slots, "slot") : worker.state) : named("Queue", "waiting for a slot");
  return element("div", { class: "lane", "data-kind": worker ? worker.kind : "waiting" }, element("div", { class: "lane-name" }, name), svg);
}

function axisNode(x, width, from, until) {
  const svg = draw("svg", { height: AXIS, viewBox: "0 0 " + width + " " + AXIS, "aria-hidden": "true" });
  for (const at of ticks(x, width, from, until)) {
    if (x(at) < 26 || x(at) > width - 26) continue;
    const label = draw("text", { x: x(at), y: 14, "text-anchor": "middle" });
    label.textContent = range > 300 ? clock(at).slice(0, 5) : clock(at);
    svg.append(label);
  }
  return element("div", { class: "lane" }, element("div", { class: "lane-name" }), svg);
}
