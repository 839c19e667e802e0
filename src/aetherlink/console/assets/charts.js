// Graphs around a fault: what the agent asked of Prometheus, with marks where the alert fired, and what was done.
(() => {
  "use strict";
  const base = document.documentElement.dataset.base || "";
  const POINTS = 240;
  const MOST_SERIES = 12;
  const HEIGHT = 180;
  const AGAIN = 15000; // milliseconds, while it goes on
  const drawn = new Map();

  function colour(name) {
    const probe = document.createElement("span");
    probe.style.color = `var(--${name})`;
    document.body.append(probe);
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  }

  function palette() {
    return ["link", "warn", "good", "vip", "bad", "info", "soft"].map(colour);
  }

  function nameOf(metric) {
    const { __name__: name, ...labels } = metric;
    const said = Object.entries(labels).map(([label, value]) => `${label}=${value}`);
    return said.join(" ") || name || "value";
  }

  function span(figure) {
    const start = Number(figure.dataset.start);
    const end = figure.dataset.end ? Math.min(Number(figure.dataset.end), Date.now() / 1000) : Date.now() / 1000;
    const step = Math.max(1, Math.ceil((end - start) / POINTS));
    return { start, end, step };
  }

  async function ask(figure) {
    const { start, end, step } = span(figure);
    const query = new URLSearchParams({ query: figure.dataset.query, source: figure.dataset.source, start, end, step });
    const answer = await fetch(`${base}/api/v1/query_range?${query}`, { headers: { Accept: "application/json" } });
    const found = await answer.json().catch(() => ({}));
    if (!answer.ok || found.status !== "success") {
      throw new Error(found.error || found.detail || `the agent answered ${answer.status}`);
    }
    return { series: found.data.result.slice(0, MOST_SERIES), left: Math.max(0, found.data.result.length - MOST_SERIES) };
  }

  // One row of instants for all series, with holes where one of them has no sample.
  function table(series, { start, end, step }) {
    const count = Math.floor((end - start) / step) + 1;
    const instants = Array.from({ length: count }, (_, place) => start + place * step);
    const columns = series.map((one) => {
      const column = new Array(count).fill(null);
      for (const [at, value] of one.values) {
        const place = Math.round((at - start) / step);
        const number = Number(value);
        if (place >= 0 && place < count && Number.isFinite(number)) column[place] = number;
      }
      return column;
    });
    return [instants, ...columns];
  }

  const TONES = { fired: "bad", action_started: "link", verified: "good", not_recovered: "warn", undone: "warn", resolved: "good" };

  function marks(figure) {
    const all = JSON.parse(figure.dataset.marks || "[]").sort((one, other) => one.at - other.at);
    return (plot) => {
      const { ctx, bbox } = plot;
      const scale = window.devicePixelRatio || 1;
      ctx.save();
      ctx.font = `${11 * scale}px system-ui, sans-serif`;
      ctx.lineWidth = scale;
      let row = 0;
      let free = -Infinity;
      for (const mark of all) {
        const across = plot.valToPos(mark.at, "x", true);
        if (across < bbox.left || across > bbox.left + bbox.width) continue;
        const tone = colour(TONES[mark.kind] || "soft");
        ctx.strokeStyle = tone;
        ctx.fillStyle = tone;
        ctx.setLineDash([4 * scale, 3 * scale]);
        ctx.beginPath();
        ctx.moveTo(across, bbox.top);
        ctx.lineTo(across, bbox.top + bbox.height);
        ctx.stroke();
        row = across < free ? row + 1 : 0;
        const width = ctx.measureText(mark.words).width;
        const isRight = across + width + 8 * scale > bbox.left + bbox.width;
        ctx.textAlign = isRight ? "right" : "left";
        ctx.fillText(mark.words, across + (isRight ? -4 : 4) * scale, bbox.top + (12 + 14 * row) * scale);
        free = across + width + 10 * scale;
      }
      ctx.restore();
    };
  }

  function bound(figure) {
    const value = Number(figure.dataset.bound);
    return (plot) => {
      if (!figure.dataset.bound || !Number.isFinite(value)) return;
      const { ctx, bbox } = plot;
      const down = plot.valToPos(value, "y", true);
      if (down < bbox.top || down > bbox.top + bbox.height) return;
      ctx.save();
      ctx.strokeStyle = colour("soft");
      ctx.setLineDash([2, 4]);
      ctx.beginPath();
      ctx.moveTo(bbox.left, down);
      ctx.lineTo(bbox.left + bbox.width, down);
      ctx.stroke();
      ctx.restore();
    };
  }

  function limits(figure) {
    const held = Number(figure.dataset.bound);
    return (plot, least, most) => {
      const numbers = [least, most];
      if (figure.dataset.bound && Number.isFinite(held)) numbers.push(held);
      const known = numbers.filter((one) => one !== null && Number.isFinite(one));
      if (!known.length) return [0, 1];
      const low = Math.min(0, ...known);
      const high = Math.max(...known);
      return [low, high === low ? low + 1 : high + (high - low) * 0.12];
    };
  }

  const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hour12: false });

  function options(figure, series) {
    const ink = colour("soft");
    const line = colour("line");
    const shades = palette();
    const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { show: false }, font: "11px system-ui, sans-serif" };
    return {
      width: figure.clientWidth - 2,
      height: HEIGHT,
      padding: [8, 12, 0, 0],
      cursor: { drag: { x: true, y: false } },
      legend: { show: series.length > 0, live: true },
      scales: { x: { time: true }, y: { range: limits(figure) } },
      axes: [
        { ...axis, values: (plot, ticks) => ticks.map((at) => CLOCK.format(at * 1000)), space: 70 },
        { ...axis, size: 52 },
      ],
      series: [
        { label: "time", value: (plot, at) => (at === null ? "" : window.aether.local(new Date(at * 1000))) },
        ...series.map((one, place) => ({
          label: nameOf(one.metric),
          stroke: shades[place % shades.length],
          width: 1.5,
          points: { show: false },
          paths: uPlot.paths.stepped({ align: 1 }),
        })),
      ],
      hooks: { draw: [bound(figure), marks(figure)] },
    };
  }

  function say(figure, words) {
    const place = figure.querySelector(".chart-words");
    place.textContent = words;
    place.hidden = !words;
  }

  async function draw(figure) {
    const place = figure.querySelector("[data-keep]");
    try {
      const { series, left } = await ask(figure);
      if (drawn.has(figure)) drawn.get(figure).destroy();
      drawn.delete(figure);
      place.replaceChildren();
      if (!series.length) {
        say(figure, "Prometheus has no sample of it in this time.");
        return;
      }
      say(figure, left ? `${left} more series are not drawn.` : "");
      drawn.set(figure, new uPlot(options(figure, series), table(series, span(figure)), place));
      figure.dataset.drawn = figure.dataset.marks;
    } catch (problem) {
      if (drawn.has(figure)) return; // what was drawn last is better than nothing
      say(figure, `It cannot be drawn: ${problem.message}`);
    }
  }

  function all() {
    return document.querySelectorAll("figure[data-query]");
  }

  function redraw() {
    for (const figure of all()) draw(figure);
  }

  document.addEventListener("aether:theme", redraw);
  document.addEventListener("aether:fresh", () => {
    for (const figure of all()) if (figure.dataset.drawn !== figure.dataset.marks) draw(figure);
  });
  let width = window.innerWidth;
  window.addEventListener("resize", () => {
    if (window.innerWidth === width) return; // a phone hides its bar: nothing to do
    width = window.innerWidth;
    for (const [figure, plot] of drawn) plot.setSize({ width: figure.clientWidth - 2, height: HEIGHT });
  });
  setInterval(() => {
    if (document.hidden) return;
    for (const figure of all()) if (!figure.dataset.end) draw(figure);
  }, AGAIN);
  redraw();
})();
