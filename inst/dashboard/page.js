// The page of a dashboard. It opens a WebSocket to R, which sends the state of the cluster each time, and what has happened since once. All
// names come from other people: they reach the page by textContent only.
"use strict";

const FUTURES_MAX = 4000, LOADS_MAX = 8000, EVENTS_MAX = 100;
const SILENCE_MS = 9000; // R sends something at least every 6 seconds

let state = null; // the last message
let heardAt = 0; // when it came
let offset = 0; // the clock of R minus ours, in seconds
const ended = new Map(); // futures by id
const loads = new Map(); // worker: [{at, busy, ours}]
let events = [];

const $ = (id) => document.getElementById(id);
const now = () => Date.now() / 1000 + offset;

// An element with text or children. `attributes` are of ours, never from others.
function element(name, attributes, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) node.setAttribute(key, value);
  for (const child of children.flat()) if (child !== null && child !== undefined) node.append(child);
  return node;
}

function setText(id, text) {
  const node = $(id);
  if (node.textContent !== String(text)) node.textContent = text;
}

// Numbers for people.

function duration(seconds) {
  if (!(seconds >= 0)) return "";
  if (seconds < 0.995) return Math.round(1000 * seconds) + " ms";
  if (seconds < 9.95) return seconds.toFixed(1) + " s";
  const s = Math.round(seconds);
  if (s < 60) return s + " s";
  if (s < 3600) return Math.floor(s / 60) + " min " + (s % 60 ? (s % 60) + " s" : "");
  if (s < 86400) return Math.floor(s / 3600) + " h " + Math.floor((s % 3600) / 60) + " min";
  return Math.floor(s / 86400) + " d " + Math.floor((s % 86400) / 3600) + " h";
}

function bytes(n) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let i = 0;
  for (; n >= 1024 && i < units.length - 1; i++) n /= 1024;
  return [n >= 10 || i === 0 ? n.toFixed(0) : n.toFixed(1), units[i]];
}

const bytesText = (n) => bytes(n).join(" ");
const plural = (n, noun) => n + " " + noun + (n === 1 ? "" : "s");
const clock = (at) => new Date((at - offset) * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
const list = (text) => (text || "").split(";").filter(Boolean).join(", ");

// The connection.

let socket = null, retryAt = 0, retries = 0, openedAt = 0;

function connect() {
  retryAt = 0;
  openedAt = Date.now();
  const opened = new WebSocket(location.href.replace(/^http/, "ws").replace(/[?#].*$/, "") + "ws");
  socket = opened;
  opened.onopen = sayVisible;
  opened.onmessage = (event) => {
    retries = 0;
    heardAt = Date.now();
    take(JSON.parse(event.data));
  };
  opened.onclose = () => {
    if (socket !== opened) return;
    socket = null;
    const wait = Math.min(5000, 500 * 2 ** Math.min(retries++, 4)) * (0.8 + 0.4 * Math.random());
    retryAt = Date.now() + wait;
    setTimeout(connect, wait);
    showLive();
  };
}

// R sends nothing to a page that nobody sees.
function sayVisible() {
  if (!socket || socket.readyState !== WebSocket.OPEN) return;
  heardAt = Math.max(heardAt, Date.now() - SILENCE_MS + 2000); // it answers soon, or is busy
  socket.send(document.hidden ? "hidden" : "visible");
}

function showLive() {
  const silent = Date.now() - Math.max(heardAt, openedAt);
  let kind = "good", text = "Live";
  if (!socket) {
    kind = "bad";
    text = "Connection lost, trying again";
    if (retries > 6) text += ". Was R restarted? Then open its new address";
  } else if (socket.readyState !== WebSocket.OPEN || heardAt < openedAt || silent > SILENCE_MS) {
    kind = "wait";
    text = state ? "R is busy" + (silent > 3000 ? ", last seen " + duration((Date.now() - heardAt) / 1000) + " ago" : "") : "Connecting";
  }
  $("live").dataset.kind = kind;
  setText("live-text", text);
  document.body.classList.toggle("stale", kind !== "good");
}

function take(message) {
  if (state && state.began !== message.began) { // another dashboard has this address now
    ended.clear();
    loads.clear();
    events = [];
  }
  state = message;
  offset = message.now - Date.now() / 1000;
  for (const future of message.ended) {
    ended.delete(future.id);
    ended.set(future.id, future);
    if (ended.size > FUTURES_MAX) ended.delete(ended.keys().next().value);
  }
  for (const load of message.loads) {
    if (!loads.has(load.member)) loads.set(load.member, []);
    const of = loads.get(load.member);
    of.push(load);
    if (of.length > LOADS_MAX) of.shift();
  }
  events = events.concat(message.events).slice(-EVENTS_MAX);
  show();
}

// What is shown.

function show() {
  showHead();
  showTiles();
  showTimeline();
  showWorkers();
  showFutures();
  showContributions();
  showLent();
  showEvents(events);
  showMembers();
  showLive();
}

function showHead() {
  setText("cluster", state.cluster);
  document.title = state.cluster + " · dashboard";
  setText("who", state.is_joined ? "as " + state.user + (state.is_session ? ", session " + state.name : ", all workers; futures are shown in the session that has them") : "This session is not on the cluster");
  let problem = state.problem;
  if (!problem && !state.is_joined) problem = "This session has left the cluster. The page goes on when plan() joins it again.";
  if (!problem && state.connected === false) problem = "Disconnected from the message board. Open links go on; R connects again by itself.";
  $("problem").hidden = !problem;
  setText("problem", problem || "");
}

const isThere = (worker) => worker.kind !== "gone" && !["lost", "silent"].includes(worker.state);
const inOrder = (workers) => [...workers].sort((a, b) => isThere(b) - isThere(a)); // those that are gone come last

// Parts of a whole, as [class, number] pairs.
function fillMeter(node, parts, total) {
  parts.forEach(([name, n], i) => {
    const part = node.children[i] || node.appendChild(element("i"));
    part.className = name;
    part.style.width = total > 0 ? (100 * Math.min(n, total)) / total + "%" : "0";
    part.hidden = !n;
  });
  node.setAttribute("aria-label", parts.map(([name, n]) => n + " " + name).join(", ") + " of " + total);
}

function showTiles() {
  const workers = (state.workers || []).filter(isThere), totals = state.totals, counts = state.counts || {};
  const sum = (name) => workers.reduce((n, worker) => n + (worker[name] || 0), 0);
  const slots = sum("slots"), busy = sum("busy"), ours = sum("ours");
  setText("busy", busy);
  setText("slots", "of " + slots);
  fillMeter($("slots-meter"), [["ours", ours], ["others", Math.max(0, busy - ours)]], slots);
  const isSession = state.is_session;
  setText("running", isSession ? counts.running || 0 : busy);
  setText("running-more", isSession ? "of this session" : "of all sessions");
  setText("waiting", isSession ? counts.waiting || 0 : sum("queue"));
  setText("waiting-more", isSession ? (sum("queue") ? sum("queue") + " of others" : "for a slot") : "slots wanted");
  setText("done", totals.futures - totals.failed + (counts.done || 0));
  setText("done-more", totals.failed ? totals.failed + " failed" : duration(totals.seconds) + " on workers");
  const recent = [...ended.values()].filter((future) => future.ended > now() - 60);
  setText("rate", recent.length);
  const moved = recent.reduce((n, future) => n + (future.sent || 0) + (future.received || 0), 0);
  setText("rate-more", moved ? bytesText(moved / 60) + "/s" : "in the last minute");
  const [amount, unit] = bytes(totals.sent + totals.received);
  setText("data", amount);
  setText("data-unit", unit);
  setText("data-more", "\u2191 " + bytesText(totals.sent) + "  \u2193 " + bytesText(totals.received));
  $("data-more").title = bytesText(totals.sent) + " sent, " + bytesText(totals.received) + " received";
}

// A table in `id`. `columns`: {label, number, wide}; cells are nodes or texts.
function table(id, columns, rows, empty) {
  if (rows.length === 0) return $(id).replaceChildren(element("p", { class: "empty" }, empty));
  const head = element("tr", {}, columns.map((column) => element("th", { scope: "col", class: column.number ? "number" : "" }, column.label)));
  const body = rows.map((row) => element("tr", row.kind ? { "data-kind": row.kind } : {}, row.cells.map((cell, i) =>
    element("td", { "data-label": columns[i].label, class: (columns[i].number ? "number " : "") + (columns[i].wide ? "wide" : "") }, cell))));
  $(id).replaceChildren(element("table", { class: "stack" }, element("thead", {}, head), element("tbody", {}, body)));
}

const named = (name, sub) => [element("span", { class: "name" }, name), sub ? element("span", { class: "sub" }, sub) : null];
const stateMark = (kind, text) => element("span", { class: "state", "data-kind": kind }, element("span", { class: "dot" }), element("span", {}, text));

function linkText(worker) {
  if (!worker.link) return "";
  const parts = [worker.link.split(" ")[0]];
  if (worker.round_trip) parts.push((1000 * worker.round_trip).toPrecision(2) + " ms");
  if (worker.rate) parts.push(bytesText(worker.rate) + "/s");
  return parts.join(", ");
}

function showWorkers() {
  const columns = [{ label: "Worker" }, { label: "State", wide: true }, { label: "Slots", wide: true }, { label: "Used by" }, { label: "Load", number: true }, { label: "Free memory", number: true }, { label: "Link" }, { label: "Up", number: true }];
  const rows = inOrder(state.workers || []).map((worker) => {
    const meter = element("div", { class: "meter", role: "img" });
    fillMeter(meter, [["ours", worker.ours], ["others", worker.busy - worker.ours]], worker.slots);
    const isGone = !isThere(worker);
    return {
      kind: worker.kind,
      cells: [
        named(worker.member, "R " + worker.r + (worker.sandbox ? ", sandbox " + worker.sandbox : "")),
        stateMark(worker.kind, worker.state.replace(/ for .*/, "") + (worker.gone ? " " + duration(now() - worker.gone).trim() + " ago" : "")),
        isGone ? "" : element("div", { class: "slots" }, meter, element("span", {}, worker.busy + " of " + worker.slots)),
        list(worker.users), worker.load === null || isGone ? "" : worker.load.toFixed(2) + (worker.cores ? " / " + worker.cores : ""),
        worker.free === null || isGone ? "" : bytesText(worker.free), isGone ? "" : linkText(worker), isGone || worker.since === null ? "" : duration(now() - worker.since).trim(),
      ],
    };
  });
  table("workers", columns, rows, "No worker yet. Start one with: Rscript -e future.p2p::worker --cluster=" + state.cluster);
}

const stateWords = { running: "running", arriving: "result arrives", waiting: "waiting", done: "done, not collected", failed: "failed" };

function since(future) {
  return { running: future.started, arriving: future.arriving, waiting: future.submitted }[future.state] || future.ended;
}

function showFutures() {
  $("futures-card").hidden = !state.is_session;
  const futures = state.futures || [], counts = state.counts || {};
  const total = (counts.running || 0) + (counts.waiting || 0) + (counts.done || 0);
  setText("futures-count", total > futures.length ? "the first " + futures.length + " of " + total : total ? String(total) : "");
  const rows = futures.map((future) => ({
    kind: future.state,
    cells: [named(future.label, future.why || future.worker || ""), stateMark(future.state, stateWords[future.state] || future.state), duration(now() - since(future)).trim()],
  }));
  table("futures", [{ label: "Future" }, { label: "State" }, { label: "For", number: true }], rows, "No future is under way.");
}

// A bar of `part` in `most`.
function barOf(part, most, name) {
  const bar = element("div", { class: "bar " + name });
  bar.style.width = (100 * part) / Math.max(1e-9, most) + "%";
  return element("div", { class: "bar-box" }, bar);
}

// What this account has received and given on this cluster, by all of its programs on this machine.
function showContributions() {
  const items = state.contributions || [];
  const most = Math.max(...items.map((item) => item.seconds));
  const columns = [{ label: "User" }, { label: "Share", wide: true }, { label: "Futures", number: true }, { label: "Time", number: true }, { label: "Data", number: true }];
  const rows = items.map((item) => ({
    cells: [named((item.direction === "given" ? "to " : "from ") + item.user, item.machines), barOf(item.seconds, most, item.direction), item.futures,
      duration(item.seconds).trim(), bytesText(item.bytes)],
  }));
  const since = Math.min(...items.map((item) => item.since));
  setText("contributions-count", items.length ? "of this account, since " + new Date((since - offset) * 1000).toLocaleDateString([], { year: "numeric", month: "short", day: "numeric" }) : "");
  table("contributions", columns, rows, state.contributions ? "Nothing given or received yet." : "Not known.");
}

// Slots of all workers that were busy, for anybody, while a page was open.
function showLent() {
  const most = Math.max(...state.lent.map((row) => row.seconds));
  const rows = state.lent.map((row) => ({ cells: [element("span", { class: "name" }, row.user), barOf(row.seconds, most, "given"), duration(row.seconds).trim()] }));
  table("lent", [{ label: "User" }, { label: "Share", wide: true }, { label: "Time", number: true }], rows, "Nobody has lent a slot yet.");
}

let shownEvents = null;

function showEvents(all) {
  if (all === shownEvents) return;
  shownEvents = all;
  const items = all.slice().reverse().map((event) => element("li", { "data-kind": event.kind }, element("time", {}, clock(event.at)), element("span", { class: "dot" }), element("span", {}, event.text)));
  if (items.length === 0) items.push(element("li", { class: "empty" }, element("span"), element("span"), element("span", {}, "Nothing has happened yet.")));
  $("events").replaceChildren(...items);
}

function showMembers() {
  const rows = (state.members || []).map((member) => ({ cells: [named(member.member), member.role, member.since === null ? "this session" : duration(now() - member.since).trim()] }));
  table("members", [{ label: "Member" }, { label: "Role" }, { label: "Up", number: true }], rows, "Nobody else is there.");
}

document.addEventListener("visibilitychange", sayVisible);
setInterval(() => {
  showLive();
  if (state && !document.hidden && $("live").dataset.kind === "good") showTimeline();
}, 1000);
startTimeline();
connect();
