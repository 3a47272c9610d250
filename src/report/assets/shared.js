// What the page's scripts share: the runs, and how figures, times and colours are said. All words
// stand in the page already; what comes from a user is only ever set as text, never as markup.
"use strict";
const report = (() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const root = document.documentElement;
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
    if (!(Math.abs(at) < 8.64e12)) return "–"; // no date reaches further
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

  // Dates stand below the first time of each day, years below the first day.
  function dates(splits, step) {
    let last = "";
    return splits.map((at) => {
      const day = new Date(at * 1000).toLocaleDateString("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
      const [upper, lower] = step >= 86400 ? [day, time(at).slice(0, 4)] : [time(at).slice(11, step < 60 ? 19 : 16), day];
      const shown = lower === last ? upper : `${upper}\n${lower}`;
      last = lower;
      return shown;
    });
  }

  const clip = (text, length) => (text.length > length ? `${text.slice(0, length - 1)}…` : text);

  // --- colours: read from the style sheet, again when the scheme changes ---

  let colours = {};
  const forget = () => (colours = {});
  function colour(name) {
    colours[name] ??= getComputedStyle(root).getPropertyValue(`--${name}`).trim();
    return colours[name];
  }
  const faint = (name, alpha) => colour(name) + alpha; // the style sheet's colours are #rrggbb

  return { data, root, figure, time, axisFigure, dates, clip, colour, faint, forget };
})();
