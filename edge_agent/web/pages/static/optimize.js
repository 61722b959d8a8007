// Optimise: a job is asked for and followed; on its front the point moves with a slider per goal.
"use strict";
(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const LOOK_MS = 1000;
  const BALANCE = 0.05; // as twin_core/optimization/choose.py
  const byId = (id) => document.getElementById(id);
  const read = (id) => JSON.parse(byId(id).textContent);
  const base = read("base"), words = read("words-of-page"), labels = read("labels");
  const number = (value, digits) => value === null || value === undefined ? "–"
    : new Intl.NumberFormat(document.documentElement.lang, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);
  const headers = { "Content-Type": "application/json" };
  const token = document.querySelector("meta[name=csrf-token]");
  if (token) headers["X-CSRF-Token"] = token.content;

  const section = byId("job");
  let jobId = section.dataset.job;
  let result = null, chosen = null, isPartial = true, target = null;

  function problem(text) {
    byId("problem").textContent = text;
    byId("problem").hidden = !text;
  }

  class Refusal extends Error {} // of what was asked: there is an answer, and it says why not

  async function ask(path, options = {}) {
    const answer = await fetch(path, { headers, ...options });
    const found = answer.status === 304 ? null : await answer.json();
    if (answer.ok) return found;
    const text = [found.detail, found.hint].filter(Boolean).join(" – ");
    throw answer.status < 500 ? new Refusal(text) : new Error(text);
  }

  function failed(error) {
    problem(error instanceof Refusal ? error.message : `${words.no_answer} ${error.message}`);
  }

  function typed(input) {
    const text = input.value.trim();
    if (!text) return null;
    const value = Number(text.replace(",", "."));
    if (!Number.isFinite(value)) throw new Refusal(`${input.ariaLabel || input.labels[0].textContent.trim()}: ${text}?`);
    return value;
  }

  function config() {
    const form = byId("ask"), found = { variables: {} };
    found.goals = [...form.querySelectorAll("input[name=goal]:checked")].map((one) => one.value);
    for (const box of form.querySelectorAll(".bound")) {
      if (!box.querySelector("input[type=checkbox]").checked) continue;
      const low = box.querySelector(".low"), high = box.querySelector(".high");
      found.variables[box.dataset.name] = { low: typed(low), high: typed(high), step: Number(box.dataset.step) };
    }
    const longest = typed(form.elements.t_cycle_max);
    if (longest !== null) found.t_cycle_max = longest;
    if (form.dataset.opened) found.t_open_today_s = Number(form.dataset.opened);
    found.history = Boolean(form.elements.history?.checked);
    found.candidates = typed(form.elements.candidates) ?? 400;
    found.samples = Math.max(1, Math.min(40, Math.floor(found.candidates / 4)));
    found.violations_allowed = (typed(form.elements.allowed) ?? 5) / 100;
    return found;
  }

  byId("ask")?.addEventListener("submit", async (event) => {
    event.preventDefault();
    problem("");
    byId("start").disabled = true;
    try {
      const asked = { ...base, optimizer_config: config() };
      const { press, simulated } = event.target.dataset;
      if (press) asked.press = press;
      if (simulated) asked.simulated = simulated === "true";
      const job = await ask("/api/v1/optimize", { method: "POST", body: JSON.stringify(asked) });
      jobId = job.job_id;
      const address = new URL(location.href);
      address.searchParams.set("job", jobId);
      history.replaceState(null, "", address);
      result = null;
      byId("result").hidden = true;
      event.target.closest("details").open = false;
      follow();
    } catch (error) {
      failed(error);
    }
    byId("start").disabled = false;
  });

  byId("cancel")?.addEventListener("click", async () => {
    try {
      await ask(`/api/v1/jobs/${jobId}`, { method: "DELETE" });
    } catch (error) {
      failed(error);
    }
  });

  async function follow() {
    const followed = jobId;
    section.hidden = false;
    try {
      const job = await ask(`/api/v1/jobs/${followed}`);
      if (followed !== jobId) return;
      const alive = job.state === "queued" || job.state === "running";
      byId("state").textContent = words[job.state];
      aim(job.made_for);
      byId("running").hidden = !alive;
      if (job.progress) {
        byId("progress").value = job.progress.done / Math.max(1, job.progress.of);
        const best = job.progress.best ? `, ${words.best} ${number(job.progress.best.t_open_s, 0)} s` : "";
        byId("done").textContent = `${job.progress.done} / ${job.progress.of}${best}`;
      }
      if (alive) {
        setTimeout(() => { if (followed === jobId) follow(); }, LOOK_MS);
        return;
      }
      problem(job.problem && job.state === "failed" ? [job.problem.detail, job.problem.hint].filter(Boolean).join(" – ") : "");
      if (job.has_result) show(await ask(`/api/v1/jobs/${followed}/result`));
    } catch (error) {
      failed(error);
      setTimeout(() => { if (followed === jobId) follow(); }, 5 * LOOK_MS);
    }
  }

  const filled = (text, made) => text.replace("{mold}", made.mold_id).replace("{press}", made.press);

  // The press that may get the advice: that of the job, or of a bare scenario the chosen one with its mold.
  function aim(made) {
    byId("searched").hidden = !made;
    if (made) byId("searched").textContent = filled(made.press ? words.searched_on : words.searched, made);
    target = null;
    if (made && made.press) target = made;
    else if (section.dataset.press && (!made || made.mold_id === section.dataset.mold)) target = { press: section.dataset.press, mold_id: section.dataset.mold };
    const form = byId("advise");
    if (!form) return;
    form.hidden = !target;
    byId("no-target").hidden = Boolean(target);
    if (target) form.querySelector("button").textContent = filled(words.advise, target);
  }

  function show(found) {
    result = found.result;
    isPartial = found.is_partial;
    byId("result").hidden = false;
    const said = result.words || {};
    const about = [...(said.basis || []), ...(result.scatter_source ? [`scatter: ${result.scatter_source}`] : [])];
    const lines = [...about, ...(result.chosen ? [...(said.gain || []), ...(said.why_not_shorter || [])] : said.in_the_way || [])];
    byId("words").replaceChildren(...lines.map((line) => {
      const item = document.createElement("li");
      item.textContent = line.trim();
      return item;
    }));
    const several = result.front.length > 1;
    for (const box of byId("weights").querySelectorAll(".slider")) box.hidden = !several || !result.goals.includes(box.dataset.name);
    byId("weights").hidden = !several;
    byId("front").hidden = !several;
    chosen = result.chosen ? result.front.findIndex((point) => same(point, result.chosen)) : -1;
    draw();
  }

  const same = (one, other) => JSON.stringify(one.settings) === JSON.stringify(other.settings) && one.t_open_s === other.t_open_s;
  const better = (name) => name === "quality_margin" ? -1 : 1;
  const shown = (name, point) => name === "quality_margin" ? 100 * point.figures[name] : point.figures[name];

  // Goals between 0 (best of the front) and 1 (worst), then the least of the worst weighted one.
  function preferred(weights) {
    const columns = result.goals.map((name) => result.front.map((point) => better(name) * point.figures[name]));
    const sum = result.goals.reduce((total, name) => total + weights[name], 0);
    if (sum === 0) return chosen;
    const away = result.front.map((_, i) => {
      const parts = columns.map((column, k) => {
        const low = Math.min(...column), span = Math.max(...column) - low;
        return (span > 0 ? (column[i] - low) / span : 0) * weights[result.goals[k]] / sum;
      });
      return Math.max(...parts) + BALANCE * parts.reduce((total, part) => total + part, 0);
    });
    return away.indexOf(Math.min(...away));
  }

  byId("weights").addEventListener("input", () => {
    const weights = {};
    for (const input of byId("weights").querySelectorAll("input[type=range]")) weights[input.name] = Number(input.value);
    chosen = preferred(weights);
    draw();
  });
  byId("weights").addEventListener("submit", (event) => event.preventDefault());

  const pointNow = () => chosen >= 0 && chosen < result.front.length ? result.front[chosen] : result.chosen;

  function draw() {
    const point = pointNow(), today = result.today;
    const notice = byId("notice");
    const text = !result.chosen ? words.not_found : isPartial ? words.partial : point && !point.confirmed ? words.unconfirmed : "";
    notice.textContent = text;
    notice.hidden = !text;
    const form = byId("advise");
    if (form) form.querySelector("button").disabled = isPartial || !point || !point.confirmed;
    for (const box of byId("weights").querySelectorAll(".slider:not([hidden])")) {
      box.querySelector("output").textContent = point ? `${number(shown(box.dataset.name, point), Number(box.dataset.digits))} ${box.dataset.unit}` : "–";
      box.querySelector(".was").textContent = today ? `(${number(shown(box.dataset.name, today), Number(box.dataset.digits))})` : "";
    }
    table(today, point || result.nearest);
    if (!byId("front").hidden) front();
  }

  function table(today, point) {
    const rows = [];
    const row = (name, label, unit, before, after, digits) => rows.push({ name, label, unit, before, after, digits });
    if (point) {
      for (const [name, label, unit, digits] of labels.settings) {
        if (name in point.settings) row(name, label, unit, today?.settings[name], point.settings[name], digits);
      }
      for (const name of ["m_polyol_kg", "m_iso_kg"]) row(name, name, "", today?.process[name], point.process[name], 4);
      row("t_open_s", words.opening, "s", today?.t_open_s, point.t_open_s, 0);
      for (const [name, label, unit, digits] of labels.goals) {
        if (name in point.figures) row(name, label, unit, today ? shown(name, today) : null, shown(name, point), digits);
      }
      row("violated_share", words.violations, "%", today ? 100 * today.violated_share : null, 100 * point.violated_share, 1);
    }
    byId("point").querySelector("tbody").replaceChildren(...rows.map((one) => {
      const line = document.createElement("tr");
      line.dataset.name = one.name;
      const head = document.createElement("th");
      head.scope = "row";
      head.textContent = one.unit ? `${one.label} (${one.unit})` : one.label;
      const before = document.createElement("td"), after = document.createElement("td");
      before.textContent = number(one.before, one.digits);
      after.textContent = number(one.after, one.digits);
      after.className = "changed";
      line.append(head, before, after);
      return line;
    }));
  }

  function put(svg, kind, attributes, text) {
    const element = document.createElementNS(SVG, kind);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    if (text !== undefined) element.textContent = text;
    svg.append(element);
    return element;
  }

  function front() {
    const svg = byId("front").querySelector("svg");
    const [xName, yName] = result.goals;
    const labelOf = (name) => labels.goals.find((one) => one[0] === name) || [name, name, "", 2];
    const [, xLabel, xUnit, xDigits] = labelOf(xName), [, yLabel, yUnit, yDigits] = labelOf(yName);
    byId("front").querySelector("figcaption").textContent = `${yLabel} (${yUnit}) / ${xLabel} (${xUnit})`;
    const points = result.front.map((point) => [shown(xName, point), shown(yName, point)]);
    const now = result.today && result.today.t_open_s !== null ? [shown(xName, result.today), shown(yName, result.today)] : null;
    const all = (now ? [...points, now] : points).filter(([a, b]) => Number.isFinite(a) && Number.isFinite(b));
    svg.replaceChildren();
    if (all.length < 2) return;
    const left = 52, right = 408, top = 12, bottom = 226;
    const span = (k) => {
      const values = all.map((one) => one[k]), low = Math.min(...values), high = Math.max(...values);
      const room = 0.06 * (high - low || 1);
      return [low - room, high + room];
    };
    const [x0, x1] = span(0), [y0, y1] = span(1);
    const x = (value) => left + (value - x0) / (x1 - x0) * (right - left);
    const y = (value) => bottom - (value - y0) / (y1 - y0) * (bottom - top);
    const finer = (digits, [low, high]) => high - low < 5 * 10 ** -digits ? digits + 1 : digits;
    for (let i = 0; i <= 4; i += 1) {
      const yValue = y0 + (y1 - y0) * i / 4, xValue = x0 + (x1 - x0) * i / 4;
      put(svg, "line", { class: "gridline", x1: left, x2: right, y1: y(yValue), y2: y(yValue) });
      put(svg, "text", { class: "tick", x: left - 4, y: y(yValue) + 4, "text-anchor": "end" }, number(yValue, finer(yDigits, [y0, y1])));
      put(svg, "text", { class: "tick", x: x(xValue), y: bottom + 18, "text-anchor": "middle" }, number(xValue, finer(xDigits, [x0, x1])));
    }
    if (now) {
      const mark = put(svg, "rect", { class: "today", x: x(now[0]) - 5, y: y(now[1]) - 5, width: 10, height: 10 });
      put(mark, "title", {}, byId("point").querySelector("thead th:nth-child(2)").textContent);
    }
    points.forEach(([a, b], i) => {
      const dot = put(svg, "circle", { class: i === chosen ? "dot chosen" : "dot", cx: x(a), cy: y(b), r: i === chosen ? 9 : 5, "data-number": i });
      dot.addEventListener("click", () => { chosen = i; draw(); });
    });
  }

  byId("advise")?.addEventListener("submit", async (event) => {
    event.preventDefault();
    const form = event.target, note = form.elements.note.value.trim();
    const asked = { press: target.press, mold_id: target.mold_id };
    if (note) asked.note = note;
    if (chosen >= 0) asked.point = chosen;
    byId("told").hidden = true;
    problem("");
    try {
      await ask(`/api/v1/jobs/${jobId}/advice`, { method: "POST", body: JSON.stringify(asked) });
      byId("told").textContent = words.advised;
      byId("told").hidden = false;
    } catch (error) {
      failed(error);
    }
  });

  if (jobId) follow();
})();
