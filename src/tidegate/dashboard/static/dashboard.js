// What pages gain by scripts: times that run, charts to point at, the state of the stream. Everything works without.
(() => {
  "use strict";
  const root = document.documentElement;
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  // ---- dark and light ------------------------------------------------------------------------------------------
  const isDark = () => root.dataset.theme === "dark" ||
    (root.dataset.theme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  const theme = document.getElementById("theme");
  if (theme) {
    theme.hidden = false;
    theme.addEventListener("click", () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      try { localStorage.setItem("tidegate-theme", root.dataset.theme); } catch { /* not remembered then */ }
      drawPlots();
    });
  }

  // ---- times ---------------------------------------------------------------------------------------------------
  const span = (seconds) => {
    for (const [unit, size] of [["d", 86400], ["h", 3600], ["min", 60]]) {
      if (seconds >= size) {
        const rest = Math.floor((seconds % size) / (size / (unit === "d" ? 24 : 60)));
        const smaller = { d: "h", h: "min", min: "s" }[unit];
        return `${Math.floor(seconds / size)} ${unit}${rest && seconds < size * 10 ? ` ${rest} ${smaller}` : ""}`;
      }
    }
    return `${Math.floor(seconds)} s`;
  };
  const put = (element, text) => { if (element.textContent !== text) element.textContent = text; };
  const runTimes = () => {
    const now = Date.now();
    for (const time of all("time[datetime]")) {
      const at = Date.parse(time.dateTime);
      if (Number.isNaN(at)) continue;
      const gap = (now - at) / 1000;
      if ("ago" in time.dataset) put(time, gap < 2 ? "just now" : `${span(gap)} ago`);
      else if ("until" in time.dataset) put(time, gap < 0 ? `in ${span(-gap)}` : "now");
      else if ("clock" in time.dataset) put(time, new Date(at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false }));
    }
  };
  runTimes();
  setInterval(runTimes, 1000);

  // ---- live ----------------------------------------------------------------------------------------------------
  const pulse = document.getElementById("pulse");
  const tell = (state, words) => { if (pulse) { pulse.dataset.state = state; put(pulse.lastElementChild, words); } };
  document.addEventListener("htmx:sse:after:connection", () => tell("live", "Live"));
  document.addEventListener("htmx:sse:error", () => tell("lost", "Reconnecting"));
  document.addEventListener("htmx:sse:close", () => tell("lost", "Not live"));
  document.addEventListener("htmx:sse:after:message", runTimes);
  document.addEventListener("htmx:after:swap", runTimes);

  // What somebody is filling in is not drawn anew under their hands.
  document.addEventListener("toggle", (event) => {
    const action = event.target;
    if (!(action instanceof HTMLDetailsElement) || !action.classList.contains("action")) return;
    const group = action.closest(".actions");
    const isOpen = all("details[open]", group).length > 0;
    group.toggleAttribute("data-hold", isOpen);
    if (action.open) action.querySelector("input[type=text]")?.focus();
  }, true);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") for (const open of all("details.action[open]")) { open.open = false; open.querySelector("summary").focus(); }
  });

  // ---- charts to point at ----------------------------------------------------------------------------------------
  const plots = [];
  const hour = (at) => new Date(at * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hour12: false });
  function drawPlots() {
    const source = document.getElementById("series");
    if (!source || !window.uPlot) return;
    const series = JSON.parse(source.textContent);
    for (const plot of plots.splice(0)) plot.destroy();
    const style = getComputedStyle(root);
    const colour = (name) => style.getPropertyValue(name).trim();
    for (const figure of all("[data-plot]")) {
      const canvas = figure.querySelector(".canvas");
      const axis = { stroke: colour("--muted"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "11px Inter, sans-serif" };
      plots.push(new uPlot({
        width: canvas.clientWidth, height: 150, padding: [10, 4, 0, 0], cursor: { sync: { key: "tidegate" }, points: { size: 6 } }, legend: { show: false },
        hooks: { setCursor: [(u) => put(figure.querySelector("output"), u.cursor.idx == null || u.data[1][u.cursor.idx] == null ? "" : `${u.data[1][u.cursor.idx]} at ${hour(u.data[0][u.cursor.idx])}`)] },
        scales: { y: { range: (u, low, high) => [0, (high || 1) * 1.1] } },
        axes: [{ ...axis, size: 26, values: (_, places) => places.map((at) => places.at(-1) - places[0] > 2 * 86400 ? new Date(at * 1000).toLocaleDateString([], { day: "numeric", month: "short" }) : hour(at)) }, { ...axis, size: 44 }],
        series: [{ label: "at" }, { label: figure.dataset.unit, stroke: colour("--accent"), width: 1.5, fill: colour("--accent-wash"), points: { show: false }, spanGaps: false }],
      }, [series.at, series[figure.dataset.plot]], canvas));
    }
  }
  drawPlots();
  addEventListener("resize", () => { for (const plot of plots) plot.setSize({ width: plot.root.parentElement.clientWidth, height: 150 }); });
})();
