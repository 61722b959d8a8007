// What if: sliders ask the server, one question at a time and the newest next; curves are SVG.
"use strict";
(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const byId = (id) => document.getElementById(id);
  const base = JSON.parse(byId("base").textContent);
  const words = JSON.parse(byId("words").textContent);
  const number = (value, digits) => value === null || value === undefined ? "–"
    : new Intl.NumberFormat(document.documentElement.lang, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);
  const headers = { "Content-Type": "application/json" };
  const token = document.querySelector("meta[name=csrf-token]");
  if (token) headers["X-CSRF-Token"] = token.content;

  const sliders = new Map();
  for (const box of document.querySelectorAll(".slider")) {
    sliders.set(box.dataset.name, {
      box, input: box.querySelector("input"), output: box.querySelector("output"), was: box.querySelector(".was"),
    });
  }
  const moved = new Set();
  let inputs = null;

  const RANGES = {
    T_polyol_C: (v) => [Math.max(5, v - 15), Math.min(80, v + 25)],
    T_iso_C: (v) => [Math.max(5, v - 15), Math.min(80, v + 25)],
    T_mold_C: (v) => [Math.max(5, v - 25), Math.min(120, v + 40)],
    T_ambient_C: () => [0, 45],
    RH_ambient_pct: () => [0, 100],
    nco_oh_index: (v) => [v * 0.8, v * 1.25],
    mass_kg: (v) => [v * 0.7, v * 1.4],
    vents_count: (v) => [0, Math.max(12, 2 * v)],
    thickness_mm: (v) => [Math.max(2, v * 0.4), Math.min(500, v * 2)],
    opened_s: (v) => [10, Math.max(1200, 2 * v)],
  };

  function begin(found) {
    inputs = { ...found.base.inputs };
    const window = found.base.window;
    inputs.opened_s = window.t_demold_opt_s ?? window.t_demold_min_s ?? 300;
    for (const [name, one] of sliders) {
      const value = inputs[name];
      one.box.hidden = value === null || value === undefined;
      if (one.box.hidden) continue;
      const [low, high] = RANGES[name](value);
      const step = Number(one.input.step);
      one.input.min = Math.floor(low / step) * step;
      one.input.max = Math.ceil(high / step) * step;
      one.input.value = value;
      one.input.disabled = false;
      say(name);
    }
  }

  function digitsOf(name) {
    const step = sliders.get(name).input.step;
    return step.includes(".") ? step.split(".")[1].length : 0;
  }

  function say(name) {
    const one = sliders.get(name);
    const value = moved.has(name) ? Number(one.input.value) : inputs[name];
    one.output.textContent = number(value, digitsOf(name));
    one.was.textContent = moved.has(name) ? `(${number(inputs[name], digitsOf(name))})` : "";
  }

  function changes() {
    const found = {};
    for (const name of moved) found[name] = Number(sliders.get(name).input.value);
    if (inputs && !("opened_s" in found)) found.opened_s = inputs.opened_s;
    return found;
  }

  let asking = false, again = false;
  async function ask() {
    if (asking) { again = true; return; }
    asking = true;
    byId("what-if").setAttribute("aria-busy", "true");
    try {
      const answer = await fetch("/what-if/answer", { method: "POST", headers, body: JSON.stringify({ base, changes: changes() }) });
      const found = await answer.json();
      if (!answer.ok) throw new Error([found.detail, found.hint].filter(Boolean).join(" – "));
      byId("problem").hidden = true;
      if (inputs === null) {
        begin(found);
        again = true;
      }
      show(found);
    } catch (error) {
      byId("problem").textContent = `${words.no_answer} ${error.message}`;
      byId("problem").hidden = false;
    }
    asking = false;
    if (again) {
      again = false;
      ask();
    } else {
      byId("what-if").setAttribute("aria-busy", "false");
    }
  }

  function figure(shot, name) {
    if (name === "opened_swell_mm") return shot.opening && !shot.opening.problem ? shot.opening.swell_mm : null;
    if (name in shot.window) return shot.window[name];
    return shot.kpis[name];
  }

  function show(found) {
    for (const row of document.querySelectorAll("#figures tbody tr")) {
      for (const which of ["base", "changed"]) {
        const cell = row.querySelector(`.${which}`);
        const name = row.dataset.name, shot = found[which];
        if (name === "quality_status") cell.textContent = words[shot.quality_status] ?? shot.quality_status;
        else if (name === "earliest") cell.textContent = words[shot.window.binding.earliest] ?? shot.window.binding.earliest ?? "–";
        else cell.textContent = number(figure(shot, name), Number(row.dataset.digits));
      }
    }
    for (const figureBox of document.querySelectorAll("figure[data-curve]")) {
      const name = figureBox.dataset.curve, svg = figureBox.querySelector("svg");
      if (name === "swell_mm") {
        const lines = ["base", "changed"].map((which) => ({ which, x: found[which].swell.opened_s ?? [], y: found[which].swell.swell_mm ?? [] }));
        chart(svg, lines, [], found.changed.opening ? found.changed.opening.opened_s : null);
      } else {
        const lines = ["base", "changed"].map((which) => ({ which, x: found[which].curves.time_s, y: found[which].curves[name] }));
        const windows = ["base", "changed"].map((which) => ({ which, from: found[which].window.t_demold_min_s, to: found[which].window.t_demold_max_s }));
        chart(svg, lines, windows, found.changed.opening ? found.changed.opening.opened_s : null);
      }
    }
    const list = byId("diagnostics");
    list.replaceChildren(...found.changed.diagnostics.map((one) => {
      const item = document.createElement("li");
      item.textContent = one.words;
      return item;
    }));
  }

  function draw(svg, kind, attributes, text) {
    const element = document.createElementNS(SVG, kind);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    if (text !== undefined) element.textContent = text;
    svg.append(element);
  }

  function chart(svg, lines, windows, at) {
    const left = 44, right = 412, top = 8, bottom = 176;
    const xs = lines.flatMap((line) => line.x), ys = lines.flatMap((line) => line.y);
    svg.replaceChildren();
    if (xs.length < 2) return;
    const xMin = Math.min(0, ...xs), xMax = Math.max(...xs);
    let yMin = Math.min(...ys), yMax = Math.max(...ys);
    if (yMax - yMin < 1e-9) { yMin -= 0.5; yMax += 0.5; }
    const x = (value) => left + (Math.min(value, xMax) - xMin) / (xMax - xMin) * (right - left);
    const y = (value) => bottom - (value - yMin) / (yMax - yMin) * (bottom - top);
    for (const one of windows) {
      if (one.from === null || one.from >= xMax) continue;
      const width = Math.max(1, x(one.to ?? xMax) - x(one.from));
      draw(svg, "rect", { class: `span ${one.which}`, x: x(one.from), y: top, width, height: bottom - top });
    }
    for (let i = 0; i <= 4; i += 1) {
      const value = yMin + (yMax - yMin) * i / 4;
      draw(svg, "line", { class: "gridline", x1: left, x2: right, y1: y(value), y2: y(value) });
      draw(svg, "text", { class: "tick", x: left - 4, y: y(value) + 4, "text-anchor": "end" }, number(value, yMax - yMin < 10 ? 2 : 0));
      const time = xMin + (xMax - xMin) * i / 4;
      draw(svg, "text", { class: "tick", x: x(time), y: bottom + 16, "text-anchor": i === 4 ? "end" : "middle" }, `${number(time, 0)} s`);
    }
    for (const line of lines) {
      const points = line.x.map((value, i) => `${x(value).toFixed(1)},${y(line.y[i]).toFixed(1)}`).join(" ");
      draw(svg, "polyline", { class: `curve ${line.which}`, points });
    }
    if (at !== null && at <= xMax) draw(svg, "line", { class: "at", x1: x(at), x2: x(at), y1: top, y2: bottom });
  }

  byId("sliders").addEventListener("input", (event) => {
    moved.add(event.target.name);
    say(event.target.name);
    ask();
  });
  byId("sliders").addEventListener("submit", (event) => event.preventDefault());
  byId("reset").addEventListener("click", () => {
    moved.clear();
    for (const [name, one] of sliders) {
      if (one.box.hidden) continue;
      one.input.value = inputs[name];
      say(name);
    }
    ask();
  });
  byId("download").addEventListener("submit", (event) => {
    event.target.elements.base.value = JSON.stringify(base);
    event.target.elements.changes.value = JSON.stringify(changes());
  });
  byId("save").addEventListener("submit", async (event) => {
    event.preventDefault();
    const name = event.target.elements.name.value;
    try {
      const answer = await fetch("/what-if/scenarios", { method: "POST", headers, body: JSON.stringify({ base, changes: changes(), name }) });
      const found = await answer.json();
      byId("saved").textContent = answer.ok ? words.saved : [found.detail, found.hint].filter(Boolean).join(" – ");
    } catch (error) {
      byId("saved").textContent = words.no_answer;
    }
  });
  ask();
})();
