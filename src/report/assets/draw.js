// What is drawn on a chart besides its curves: thresholds, marks, and a sign for each curve.
"use strict";
const draw = (() => {
  const { data, clip, colour, faint } = report;
  const LINE_DASHES = { pause: [3, 3], rollback: [8, 3], resume: [1.5, 3], limit: [12, 4, 2, 4] }; // as in the style sheet
  const ROOM = 480; // a chart narrower than this names its thresholds in the legend alone
  const FONT = "system-ui, -apple-system, \"Segoe UI\", Roboto, sans-serif";
  const WEIGHTIEST = ["retreat", "incident", "pause", "raise", "clear", "event"];

  const ratio = () => uPlot.pxRatio;

  // A place and a width of a straight line that fill whole pixels.
  function crisp(at, width) {
    const pixels = Math.max(1, Math.round(width * ratio()));
    return [Math.round(at) + (pixels % 2) / 2, pixels];
  }

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
    ctx.font = `${11 * ratio()}px ${FONT}`;
    ctx.textAlign = "left";
    ctx.textBaseline = "middle";
    for (const line of [...chart.lines].sort((one, other) => other.value - one.value)) {
      const [y, width] = crisp(plot.valToPos(line.value, "y", true), 1.5);
      if (y < bbox.top - 1 || y > bbox.top + bbox.height + 1) continue;
      ctx.strokeStyle = colour(line.kind);
      ctx.lineWidth = width;
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

  const inSight = ({ bbox }, x) => x >= bbox.left - 1 && x <= bbox.left + bbox.width + 1;

  // Marks: a thin line behind the curves. Where there are many only the weighty ones stay strong.
  function drawMarkLines(plot, run) {
    const { ctx, bbox } = plot;
    const lines = run.marks.map((mark) => [mark.kind, ...crisp(plot.valToPos(mark.at, "x", true), 1)]);
    const seen = lines.filter(([, x]) => inSight(plot, x));
    const faded = Math.max(0.12, Math.min(0.75, 20 / seen.length));
    for (const [kind, x, width] of seen) {
      ctx.strokeStyle = colour(kind);
      ctx.globalAlpha = kind === "retreat" || kind === "incident" ? 0.75 : faded;
      ctx.lineWidth = width;
      ctx.beginPath();
      ctx.moveTo(x, bbox.top - 2 * ratio());
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
    }
    ctx.globalAlpha = 1;
  }

  const weight = (mark) => WEIGHTIEST.indexOf(mark.kind);

  // Their signs above the curves, with their numbers in the table. Those too close to a weightier
  // one stand behind its sign: `3–6`.
  function drawMarkSigns(plot, run) {
    const { ctx, bbox } = plot;
    const size = 4.5 * ratio();
    const y = bbox.top - 9 * ratio();
    const places = run.marks.map((mark) => Math.round(plot.valToPos(mark.at, "x", true)));
    const byWeight = run.marks.map((_, at) => at).filter((at) => inSight(plot, places[at]));
    byWeight.sort((one, other) => weight(run.marks[one]) - weight(run.marks[other]) || one - other);
    const shown = [];
    for (const at of byWeight) {
      const near = shown.find((sign) => Math.abs(places[at] - sign.x) < 3.2 * size);
      if (near === undefined) shown.push({ x: places[at], kind: run.marks[at].kind, first: at, last: at });
      else [near.first, near.last] = [Math.min(near.first, at), Math.max(near.last, at)];
    }
    shown.sort((one, other) => one.x - other.x);
    ctx.font = `${11 * ratio()}px ${FONT}`;
    ctx.textAlign = "left";
    ctx.textBaseline = "middle";
    shown.forEach(({ x, kind, first, last }, at) => {
      markSign(ctx, kind, x, y, size);
      const text = first === last ? String(first + 1) : `${first + 1}–${last + 1}`;
      const left = x + size + 3 * ratio();
      const next = shown[at + 1];
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

  return { FONT, margin, signs: drawSigns, lines: drawLines, strips: drawStrips, markLines: drawMarkLines, markSigns: drawMarkSigns };
})();
