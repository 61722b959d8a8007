// Keeps a live page in step with the server: parts as they change, countdowns by the twin's clock,
// and a plain word when the server is not heard. It runs for weeks: nothing in it grows.
"use strict";
(() => {
  const LOST_AFTER_MS = 4500; // two heartbeats of 2 s
  const AGAIN_AFTER_MS = 1500;
  const GIVE_UP_AFTER_MS = 10000; // a stream that is silent so long is opened anew
  const SAMPLES = 30; // of the clock: a minute of heartbeats

  const live = document.getElementById("live");
  const lost = document.getElementById("lost");
  const announce = document.getElementById("announce");

  // --- the twin's clock: the newest reading has the least delay when it is the largest of some
  let speed = 1;
  let offsets = [];
  let offset = null;

  function readClock(now_s, its_speed) {
    const reading = now_s * 1000 - its_speed * performance.now();
    const stepped = offset !== null && Math.abs(reading - offset) > 5000 * its_speed;
    if (its_speed !== speed || stepped) offsets = [];
    speed = its_speed;
    offsets.push(reading);
    if (offsets.length > SAMPLES) offsets.shift();
    offset = Math.max(...offsets);
  }

  const twinNow = () => (offset + speed * performance.now()) / 1000;

  // --- the stream
  let source = null;
  let heard = performance.now();
  let opened = performance.now();
  let wall = Date.now() - performance.now();

  function open() {
    source?.close();
    opened = performance.now();
    source = new EventSource(live.dataset.stream);
    for (const kind of ["hello", "parts", "beat"]) source.addEventListener(kind, take);
    source.onerror = () => {
      if (source.readyState === EventSource.CLOSED) setTimeout(signInAgain, AGAIN_AFTER_MS);
    };
  }

  // A stream that was refused: perhaps the session has ended, then the page itself says so.
  async function signInAgain() {
    try {
      const answer = await fetch(live.dataset.stream, { headers: { Accept: "text/event-stream" } });
      const status = answer.status;
      await answer.body?.cancel();
      if (status === 401 || status === 403) location.reload();
    } catch {
      // no server: the next attempt comes
    }
  }

  function take(event) {
    const message = JSON.parse(event.data);
    if (event.type === "hello" && message.assets !== live.dataset.assets) {
      location.reload(); // the server has become another version
      return;
    }
    heard = performance.now();
    wall = Date.now() - heard;
    readClock(message.now, message.speed);
    if (event.type === "hello") forget(new Set(message.parts.map(([key]) => key)));
    for (const [key, html] of message.parts || []) put(key, html);
    tick();
  }

  // --- parts
  function put(key, html) {
    const holder = document.createElement("template");
    holder.innerHTML = html;
    const part = holder.content.firstElementChild;
    const old = document.querySelector(`[data-live="${CSS.escape(key)}"]`);
    if (old) {
      const focused = old.contains(document.activeElement);
      old.replaceWith(part);
      if (focused) part.querySelector("a, button")?.focus();
    } else {
      const list = document.querySelector("[data-list]");
      if (!list) return;
      const after = [...list.children].find((other) => other.dataset.live > key);
      list.insertBefore(part, after || null);
      document.getElementById("none")?.setAttribute("hidden", "");
    }
  }

  function forget(keys) {
    for (const part of document.querySelectorAll("[data-list] > [data-live]"))
      if (!keys.has(part.dataset.live)) part.remove();
  }

  // --- countdowns
  const two = (n) => String(n).padStart(2, "0");

  function inWords(seconds) {
    const s = Math.max(0, Math.ceil(seconds - 1e-6));
    const hours = Math.floor(s / 3600);
    const minutes = Math.floor(s / 60) % 60;
    return hours ? `${hours}:${two(minutes)}:${two(s % 60)}` : `${minutes}:${two(s % 60)}`;
  }

  function phaseAt(tile, now) {
    if (now < Number(tile.dataset.min)) return "curing";
    if (now > Number(tile.dataset.max)) return "overdue";
    return now < Number(tile.dataset.opt) ? "open" : "best";
  }

  function write(element, text) {
    if (element.textContent !== text) element.textContent = text;
  }

  function countdowns(now) {
    for (const tile of document.querySelectorAll("[data-phase][data-min]")) {
      const phase = phaseAt(tile, now);
      if (tile.dataset.phase !== phase) tile.dataset.phase = phase;
      for (const block of tile.querySelectorAll(".phase")) {
        const shown = block.dataset.phase === phase;
        if (block.hidden === shown) block.hidden = !shown;
        if (!shown) continue;
        const count = block.querySelector("[data-count]");
        const until = Number(count.dataset.count);
        write(count, phase === "overdue" ? `+${inWords(Math.floor(now - until))}` : inWords(until - now));
      }
    }
    for (const band of document.querySelectorAll(".band")) {
      const from = Number(band.dataset.from);
      const share = (now - from) / (Number(band.dataset.to) - from);
      band.querySelector(".now").setAttribute("x", String(Math.round(992 * Math.min(1, Math.max(0, share)))));
    }
  }

  // --- what has just happened, for eyes that are elsewhere
  const known = new Map();

  function news() {
    const tiles = document.querySelectorAll("article[data-live]");
    const here = new Set();
    for (const tile of tiles) {
      const state = tile.dataset.phase || tile.dataset.situation;
      const key = tile.dataset.live;
      here.add(key);
      const before = known.get(key);
      known.set(key, state);
      if (before === undefined || before === state) continue;
      const words = tile.querySelector(".phase:not([hidden]) .state span")?.textContent || "";
      write(announce, `${tile.querySelector("h2").textContent}: ${words}`);
      document.dispatchEvent(new CustomEvent("mold", { detail: state }));
    }
    for (const key of known.keys()) if (!here.has(key)) known.delete(key);
  }

  // --- the pulse
  function tick() {
    const now = performance.now();
    // a machine that slept has stopped this clock: the one on the wall tells
    const silent = now - heard + Math.max(0, Date.now() - now - wall);
    const isLost = silent > LOST_AFTER_MS;
    if (isLost && lost.hidden) {
      write(document.getElementById("lost-since"), new Date(Date.now() - silent).toLocaleTimeString(document.documentElement.lang));
      for (const count of document.querySelectorAll("[data-count]")) write(count, "–:––");
    }
    lost.hidden = !isLost;
    document.body.dataset.link = isLost ? "lost" : offset === null ? "waiting" : "live";
    if (isLost) {
      if (now - Math.max(opened, heard) > (source.readyState === EventSource.CLOSED ? AGAIN_AFTER_MS : GIVE_UP_AFTER_MS)) open();
    } else if (offset !== null) {
      countdowns(twinNow());
      news();
    }
  }

  open();
  function pulse() {
    tick();
    setTimeout(pulse, Math.max(30, 200 / speed)); // a demo's seconds are short
  }

  pulse();
  document.addEventListener("visibilitychange", tick);
  addEventListener("pagehide", () => source?.close());
  addEventListener("pageshow", (event) => event.persisted && open());
})();
