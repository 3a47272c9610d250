// The charts, drawn with uPlot: one range of time, one crosshair and one scale for all of them.
"use strict";
(() => {
  const figures = document.querySelectorAll("figure");
  if (figures.length === 0) return;
  const { data, root, figure, time, axisFigure, dates, colour, faint, forget } = report;
  const readout = document.getElementById("readout");
  const reset = document.getElementById("reset");
  const DASHES = [[], [7, 4], [2, 3], [10, 4, 2, 4]]; // as in the style sheet
  const HEIGHT = 190; // of a chart, in CSS pixels, as in the style sheet
  const HEAD = 20; // the strip above the curves where the marks' signs stand
  const FAR = 3; // a threshold higher than this many times the curves is told, not drawn
  // Steps of a time axis, in seconds: up to a month.
  const SINCE_BEGIN = [
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 432000, 864000,
    2592000,
  ];

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
    font: `12px ${draw.FONT}`,
    grid: { stroke: () => colour("grid"), width: 1 },
    ticks: { stroke: () => colour("rule"), width: 1, size: 5 },
    gap: 4,
  };

  const timeAxis = () =>
    data.clock === "unix"
      ? { ...axis, size: 42, space: 70, values: (_, splits, __, ___, step) => dates(splits, step) }
      : {
          ...axis,
          size: 28,
          space: 70,
          incrs: SINCE_BEGIN,
          values: (_, splits) => splits.map((at) => (at % 86400 === 0 && whole.max >= 172800 ? `${at / 86400}d` : time(at))),
        };

  function add(figureAt) {
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
        padding: [HEAD, (plot) => draw.margin(plot.width), 0, 0],
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
          drawClear: [(plot) => draw.strips(plot, run)],
          drawAxes: [(plot) => draw.markLines(plot, run)],
          draw: [
            (plot) => {
              draw.lines(plot, chart);
              draw.signs(plot, chart);
              draw.markSigns(plot, run);
              // What is in view, for who looks from outside.
              figureAt.dataset.from = plot.scales.x.min;
              figureAt.dataset.to = plot.scales.x.max;
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
    forget();
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

  figures.forEach(add);
})();
