// Draws the charts of a report with uPlot. All words stand in the page already; what comes from a
// user is only ever set as text, never as markup.
"use strict";
(() => {
  const figures = document.querySelectorAll("figure");
  if (figures.length === 0) return;
  const data = JSON.parse(document.getElementById("data").textContent);
  const root = document.documentElement;
  const readout = document.getElementById("readout");
  const reset = document.getElementById("reset");
  const DASHES = [[], [7, 4], [2, 3], [10, 4, 2, 4]]; // as in the style sheet
  const LINE_DASHES = { pause: [3, 3], rollback: [8, 3], resume: [1.5, 3], limit: [12, 4, 2, 4] };
  const HEIGHT = 190; // of a chart, in CSS pixels, as in the style sheet
  const HEAD = 20; // the strip above the curves where the marks' signs stand
  const ROOM = 480; // a chart narrower than this names its thresholds in the legend alone
  const FAR = 3; // a threshold higher than this many times the curves is told, not drawn
  const FONT = '12px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';
  const WEIGHTIEST = ["retreat", "incident", "pause", "raise", "clear", "event"];
  const MINUS = "\u2212";

  // --- words: as in `wording.rs` ---

  function figure(value) {
    const size = Math.abs(value);
    const decimals = size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
    const text = size.toLocaleString("en-US", { maximumFractionDigits: decimals });
    return value < 0 && text !== "0" ? MINUS + text : text;
  }

  const two = (number) => String(number).padStart(2, "0");

  function time(at) {
    if (data.clock === "unix") return new Date(Math.round(at) * 1000).toISOString().slice(0, 19).replace("T", " ");
    const all = Math.abs(Math.round(at));
    const days = Math.floor(all / 86400);
    const clock = `${Math.floor(all / 3600) % 24}:${two(Math.floor(all / 60) % 60)}:${two(all % 60)}`;
    return (at <= -0.5 ? MINUS : "") + (days > 0 ? `${days}d ${clock}` : clock);
  }

  function axisFigure(value) {
    if (Math.abs(value) >= 1e6) return `${+(value / 1e6).toFixed(2)}M`;
    if (Math.abs(value) >= 1e4) return `${+(value / 1e3).toFixed(2)}k`;
    return value.toLocaleString("en-US", { maximumFractionDigits: 6 });
  }

  // --- colours: read from the style sheet, again when the scheme changes ---

  let colours = {};
  function colour(name) {
    colours[name] ??= getComputedStyle(root).getPropertyValue(`--${name}`).trim();
    return colours[name];
  }
  const faint = (name, alpha) => colour(name) + alpha; // the style sheet's colours are #rrggbb

  // --- what is in view: one range of time for all charts ---

  const all = data.runs.flatMap((run) => [run.times[0], run.times.at(-1)]).filter((at) => at !== undefined);
  const whole = all.length === 0 ? { min: 0, max: 1 } : { min: Math.min(...all), max: Math.max(...all) };
  if (whole.max === whole.min) whole.max += 1;
  let view = whole;
  const plots = [];
  const scales = new Map(); // by chart id, for the present view

  function show(range) {
    const span = Math.max(range.max - range.min, 1);
    const min = Math.max(whole.min, Math.min(range.min, whole.max - span));
    view = { min, max: Math.min(whole.max, min + span) };
    reset.hidden = view.min <= whole.min && view.max >= whole.max;
    scales.clear();
    for (const plot of plots) plot.setScale("x", view);
  }

  // The same scale in each run: from zero to the highest curve in view, and to the thresholds near it.
  function scaleOf(id) {
    if (scales.has(id)) return scales.get(id);
    let low = 0;
    let high = 0;
    const lines = [];
    for (const run of data.runs) {
      const from = run.times.findLastIndex((at) => at <= view.min);
      const to = run.times.findIndex((at) => at >= view.max);
      for (const chart of run.charts.filter((chart) => chart.id === id)) {
        lines.push(...chart.lines.map((line) => line.value));
        for (const { values } of chart.series) {
          for (let at = Math.max(from, 0); at <= (to < 0 ? values.length - 1 : to); at += 1) {
            if (values[at] === null) continue;
            low = Math.min(low, values[at]);
            high = Math.max(high, values[at]);
          }
        }
      }
    }
    const reach = high > 0 ? high * FAR : Infinity;
    high = Math.max(high, ...lines.filter((line) => line <= reach));
    if (high === low) high = low + 1;
    const scale = [low < 0 ? low - (high - low) * 0.05 : 0, high + (high - low) * 0.06];
    scales.set(id, scale);
    return scale;
  }

  // --- drawing on a chart ---

  const ratio = () => uPlot.pxRatio;

  // A sign for each curve, so that nobody needs its colour. The shapes are those of the legend.
  function sign(ctx, kind, x, y, size) {
    const s = size;
    const shapes = [
      () => ctx.arc(x, y, s, 0, 2 * Math.PI),
      () => ctx.rect(x - s * 0.9, y - s * 0.9, s * 1.8, s * 1.8),
      () => polygon(ctx, [[x, y - s * 1.1], [x + s * 1.1, y + s * 0.9], [x - s * 1.1, y + s * 0.9]]),
      () => polygon(ctx, [[x, y - s * 1.25], [x + s * 1.25, y], [x, y + s * 1.25], [x - s * 1.25, y]]),
      () => polygon(ctx, [[x, y + s * 1.1], [x + s * 1.1, y - s * 0.9], [x - s * 1.1, y - s * 0.9]]),
      () => ctx.rect(x - s, y - s * 0.4, s * 2, s * 0.8),
    ];
    ctx.beginPath();
    shapes[kind % shapes.length]();
  }

  function polygon(ctx, points) {
    points.forEach(([x, y], at) => (at === 0 ? ctx.moveTo(x, y) : ctx.lineTo(x, y)));
    ctx.closePath();
  }

  function drawSigns(plot, chart) {
    const { ctx, bbox } = plot;
    const count = chart.series.length;
    const places = Math.max(2, Math.round(bbox.width / ratio() / 150));
    chart.series.forEach((series, at) => {
      for (let place = 0; place < places; place += 1) {
        const left = (bbox.width * (place + (at + 1) / (count + 1))) / places;
        const index = plot.posToIdx(left, true);
        const value = series.values[index];
        const x = plot.valToPos(plot.data[0][index], "x", true);
        if (value === null || value === undefined || x < bbox.left || x > bbox.left + bbox.width) continue;
        sign(ctx, at, x, plot.valToPos(value, "y", true), 4.2 * ratio());
        ctx.fillStyle = colour(series.role);
        ctx.strokeStyle = colour("ground");
        ctx.lineWidth = ratio();
        ctx.fill();
        ctx.stroke();
      }
    });
  }

  // Right of the curves, the same for all charts, so that their times stand below each other.
  const lined = data.runs.some((run) => run.charts.some((chart) => chart.lines.length > 0));
  const margin = (width) => (lined && width >= ROOM ? 88 : 16);

  // The thresholds, each named in the margin; names that stand too close move apart.
  function drawLines(plot, chart) {
    const { ctx, bbox } = plot;
    const right = bbox.left + bbox.width;
    let free = -Infinity;
    ctx.font = FONT.replace("12", String(11 * ratio()));
    ctx.textAlign = "left";
    ctx.textBaseline = "middle";
    for (const line of [...chart.lines].sort((one, other) => other.value - one.value)) {
      const y = Math.round(plot.valToPos(line.value, "y", true));
      if (y < bbox.top - 1 || y > bbox.top + bbox.height + 1) continue;
      ctx.strokeStyle = colour(line.kind);
      ctx.lineWidth = 1.5 * ratio();
      ctx.setLineDash(LINE_DASHES[line.kind].map((length) => length * ratio()));
      ctx.beginPath();
      ctx.moveTo(bbox.left, y);
      ctx.lineTo(right, y);
      ctx.stroke();
      ctx.setLineDash([]);
      if (plot.width < ROOM) continue;
      const beside = Math.max(y, free);
      free = beside + 12 * ratio();
      ctx.lineWidth = ratio();
      ctx.beginPath();
      ctx.moveTo(right, y);
      ctx.lineTo(right + 6 * ratio(), beside);
      ctx.stroke();
      ctx.fillStyle = colour(line.kind);
      ctx.fillText(clip(line.label, 12), right + 9 * ratio(), beside);
    }
  }

  const clip = (text, length) => (text.length > length ? `${text.slice(0, length - 1)}…` : text);

  // What lasted is a strip behind the curves.
  function drawStrips(plot, run) {
    const { ctx, bbox } = plot;
    for (const mark of run.marks) {
      if (mark.until === null) continue;
      const from = Math.max(plot.valToPos(mark.at, "x", true), bbox.left);
      const to = Math.min(plot.valToPos(mark.until, "x", true), bbox.left + bbox.width);
      if (to <= from) continue;
      ctx.fillStyle = faint(mark.kind, "1c");
      ctx.fillRect(from, bbox.top, to - from, bbox.height);
    }
  }

  // Marks: a thin line through the chart. Those that stand close share one sign, that of the
  // weightiest, and tell their numbers in the table: `3`, or `3–6`.
  function drawMarks(plot, run) {
    const { ctx, bbox } = plot;
    const size = 4.5 * ratio();
    const groups = [];
    run.marks.forEach((mark, at) => {
      const x = Math.round(plot.valToPos(mark.at, "x", true));
      if (x < bbox.left - 1 || x > bbox.left + bbox.width + 1) return;
      ctx.strokeStyle = colour(mark.kind);
      ctx.globalAlpha = 0.75;
      ctx.lineWidth = ratio();
      ctx.beginPath();
      ctx.moveTo(x, bbox.top - 2 * ratio());
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      ctx.globalAlpha = 1;
      const group = groups.at(-1);
      if (group !== undefined && x - group.x < 3.2 * size) {
        group.last = at;
        if (WEIGHTIEST.indexOf(mark.kind) < WEIGHTIEST.indexOf(group.kind)) group.kind = mark.kind;
      } else groups.push({ x, kind: mark.kind, first: at, last: at });
    });
    ctx.font = FONT.replace("12", String(11 * ratio()));
    ctx.textAlign = "left";
    ctx.textBaseline = "middle";
    groups.forEach(({ x, kind, first, last }, at) => {
      const y = bbox.top - 9 * ratio();
      markSign(ctx, kind, x, y, size);
      const text = first === last ? String(first + 1) : `${first + 1}–${last + 1}`;
      const left = x + size + 3 * ratio();
      const next = groups[at + 1];
      if (next !== undefined && left + ctx.measureText(text).width > next.x - size) return;
      ctx.fillStyle = colour("muted");
      ctx.fillText(text, left, y);
    });
  }

  function markSign(ctx, kind, x, y, size) {
    ctx.fillStyle = colour(kind);
    ctx.strokeStyle = colour(kind);
    ctx.lineWidth = 2 * ratio();
    ctx.beginPath();
    if (kind === "raise") sign(ctx, 2, x, y, size);
    else if (kind === "retreat") sign(ctx, 4, x, y, size);
    else if (kind === "clear") sign(ctx, 0, x, y, size * 0.85);
    else if (kind === "event") sign(ctx, 3, x, y, size * 0.85);
    else if (kind === "pause") {
      ctx.rect(x - size * 0.8, y - size, size * 0.55, size * 2);
      ctx.rect(x + size * 0.25, y - size, size * 0.55, size * 2);
    } else {
      for (let turn = 0; turn < 3; turn += 1) {
        const [dx, dy] = [Math.sin((turn * Math.PI) / 3) * size, Math.cos((turn * Math.PI) / 3) * size];
        ctx.moveTo(x - dx, y - dy);
        ctx.lineTo(x + dx, y + dy);
      }
      ctx.stroke();
      return;
    }
    ctx.fill();
  }

  // --- a chart ---

  function curve(series) {
    const paths = series.style === "step" ? uPlot.paths.stepped({ align: 1 }) : uPlot.paths.linear();
    return {
      stroke: () => colour(series.role),
      fill: series.style === "area" ? () => faint(series.role, "38") : undefined,
      width: 1.75,
      dash: DASHES[series.dash],
      paths,
      // A value between two gaps makes no line: it is a point.
      points: { show: true, size: 4, filter: (_, at) => lonely(series.values) },
    };
  }

  function lonely(values) {
    const found = [];
    values.forEach((value, at) => {
      if (value !== null && (values[at - 1] ?? null) === null && (values[at + 1] ?? null) === null) found.push(at);
    });
    return found;
  }

  // A band is filled from the upper of the two curves to the lower.
  function bands(chart) {
    const sum = (values) => values.reduce((total, value) => total + (value ?? 0), 0);
    return chart.series.flatMap((series, at) => {
      if (series.style !== "band" || at === 0) return [];
      const above = sum(series.values) >= sum(chart.series[at - 1].values);
      return [{ series: [at + 1, at], dir: above ? -1 : 1, fill: () => faint(series.role, "38") }];
    });
  }

  const axis = {
    stroke: () => colour("muted"),
    font: FONT,
    grid: { stroke: () => colour("grid"), width: 1 },
    ticks: { stroke: () => colour("rule"), width: 1, size: 5 },
    gap: 4,
  };

  const timeAxis = () =>
    data.clock === "unix"
      ? { ...axis, size: 40, space: 80 }
      : {
          ...axis,
          size: 28,
          space: 70,
          incrs: [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 432000, 864000, 2592000],
          values: (_, splits) => splits.map((at) => (at % 86400 === 0 && whole.max >= 172800 ? `${at / 86400}d` : time(at))),
        };

  function draw(figureAt) {
    const run = data.runs[figureAt.dataset.run];
    const chart = run.charts[figureAt.dataset.chart];
    const target = figureAt.querySelector(".plot");
    const legend = figureAt.querySelector(".legend");
    const values = [...legend.querySelectorAll(".value")];
    const still = values.map((value) => value.textContent);
    const plot = new uPlot(
      {
        width: Math.max(target.clientWidth, 200),
        height: HEIGHT,
        padding: [HEAD, (plot) => margin(plot.width), 0, 0],
        legend: { show: false },
        tzDate: (at) => uPlot.tzDate(new Date(at * 1000), "Etc/UTC"),
        scales: {
          x: { time: data.clock === "unix", range: () => [view.min, view.max] },
          y: { range: () => scaleOf(chart.id) },
        },
        axes: [timeAxis(), { ...axis, size: 54, space: 25, values: (_, splits) => splits.map(axisFigure) }],
        series: [{}, ...chart.series.map(curve)],
        bands: bands(chart),
        cursor: {
          y: false,
          points: { size: 7 },
          drag: { x: true, y: false, setScale: false },
          sync: { key: "page", scales: ["x", null], setSeries: false, filters: { pub: (type) => type !== "mousedown" && type !== "mouseup" } },
          bind: { dblclick: () => () => show(whole) },
        },
        hooks: {
          drawClear: [(plot) => drawStrips(plot, run)],
          draw: [
            (plot) => {
              drawLines(plot, chart);
              drawSigns(plot, chart);
              drawMarks(plot, run);
              figureAt.dataset.drawn = "true";
            },
          ],
          setSelect: [
            (plot) => {
              const { left, width } = plot.select;
              if (width < 4) return;
              show({ min: plot.posToVal(left, "x"), max: plot.posToVal(left + width, "x") });
              plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
            },
          ],
          setCursor: [
            (plot) => {
              const index = plot.cursor.left >= 0 ? plot.cursor.idx : null;
              // What is shorter now must not let the chart below it jump.
              if (index !== null && legend.style.minHeight === "") legend.style.minHeight = `${legend.offsetHeight}px`;
              values.forEach((value, at) => {
                const seen = index === null ? undefined : chart.series[at].values[index];
                value.textContent = index === null ? still[at] : seen === null || seen === undefined ? "–" : figure(seen);
              });
              tell();
            },
          ],
        },
      },
      [run.times, ...chart.series.map((series) => series.values)],
      target,
    );
    new ResizeObserver(() => {
      if (root.classList.contains("paper")) return;
      resize(plot, target, legend);
    }).observe(target);
    plots.push(plot);
  }

  function resize(plot, target, legend) {
    const width = Math.max(target.clientWidth, 200);
    if (width === plot.width) return;
    legend.style.minHeight = "";
    plot.setSize({ width, height: HEIGHT });
  }

  // --- the crosshair's words ---

  let telling = false;
  function tell() {
    if (telling) return;
    telling = true;
    requestAnimationFrame(() => {
      telling = false;
      const plot = plots.find((plot) => plot.cursor.left >= 0);
      for (const row of document.querySelectorAll("tr.now")) row.classList.remove("now");
      readout.hidden = plot === undefined;
      if (plot === undefined) return;
      const at = plot.posToVal(plot.cursor.left, "x");
      const near = (8 * (view.max - view.min)) / plot.over.clientWidth;
      const when = element("span", "when", time(at) + (data.clock === "unix" ? " UTC" : ""));
      readout.replaceChildren(when, ...data.runs.map((run, place) => last(run, place, at, near)));
    });
  }

  // The mark under the crosshair, or the last one before it.
  function last(run, place, at, near) {
    let found = -1;
    run.marks.forEach((mark, index) => {
      const best = found < 0 ? -Infinity : run.marks[found].at;
      const closer = Math.abs(mark.at - at) <= near && Math.abs(mark.at - at) <= Math.abs(best - at);
      if (closer || (mark.at <= at && mark.at >= best && Math.abs(best - at) > near)) found = index;
    });
    const line = element("span", "run");
    line.append(element("span", "", `${run.title}: `));
    if (found < 0) {
      line.append("nothing yet");
      return line;
    }
    const mark = run.marks[found];
    document.querySelector(`tr[data-run="${place}"][data-mark="${found}"]`)?.classList.add("now");
    line.append(element("b", `mark ${mark.kind}`, `${found + 1} · ${mark.kind} ${mark.label}`), ` at ${time(mark.at)}`);
    if (mark.text !== "") line.append(`: ${mark.text}`);
    return line;
  }

  function element(name, kind, text = "") {
    const made = document.createElement(name);
    made.className = kind;
    made.textContent = text;
    return made;
  }

  // --- what a person does ---

  function goTo(at) {
    const span = view.max - view.min;
    const wide = Math.min(span, Math.max(120, (whole.max - whole.min) / 6));
    show({ min: at - wide / 3, max: at + (wide * 2) / 3 });
    document.querySelector(".charts").scrollIntoView({ block: "start" });
    // After the scale is set: uPlot does that when this task is done.
    setTimeout(() => {
      for (const plot of plots) plot.setCursor({ left: plot.valToPos(at, "x"), top: 10 });
    });
  }

  document.addEventListener("click", (event) => {
    const row = event.target.closest("tr[data-at]");
    if (row !== null) goTo(Number(row.dataset.at));
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") show(whole);
  });
  reset.addEventListener("click", () => show(whole));

  function recolour() {
    colours = {};
    for (const plot of plots) plot.redraw(false, true);
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);

  // On paper: light, as wide as the page, nothing folded.
  const folded = () => document.querySelectorAll("details:not([open])");
  let unfolded = [];
  function resizeAll() {
    for (const plot of plots) resize(plot, plot.root.parentElement, plot.root.closest("figure").querySelector(".legend"));
  }
  addEventListener("beforeprint", () => {
    root.classList.add("paper");
    unfolded = [...folded()];
    for (const details of unfolded) details.open = true;
    resizeAll();
    recolour();
  });
  addEventListener("afterprint", () => {
    root.classList.remove("paper");
    for (const details of unfolded) details.open = false;
    resizeAll();
    recolour();
  });

  figures.forEach(draw);
})();
