// Draws the timelines, and lets buttons do what a mouse can: each works by keyboard and by finger.
const plots = [...document.querySelectorAll(".plot")];
const coarse = matchMedia("(pointer: coarse)");
const dark = matchMedia("(prefers-color-scheme: dark)");
const settings = { displayModeBar: false, responsive: true, doubleClick: "reset" };

const scheme = () => (dark.matches ? "dark" : "light");
const read = (id) => JSON.parse(document.getElementById(id).textContent);

// Plotly styles inside its drawing, where the page's own style does not reach.
function themed(layout) {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const lines = { gridcolor: colour("--line"), linecolor: colour("--line"), showline: true };
  for (const name of Object.keys(layout).filter((key) => /^[xy]axis/.test(key))) {
    Object.assign(layout[name], lines, { tickcolor: colour("--line") });
  }
  Object.assign(layout.xaxis, { spikecolor: colour("--muted"), spikethickness: 1 });
  return Object.assign(layout, {
    font: { color: colour("--ink"), family: style.fontFamily, size: 12 },
    hoverlabel: { bgcolor: colour("--paper"), bordercolor: colour("--line") },
    paper_bgcolor: "transparent",
    plot_bgcolor: "transparent",
    // A finger that drags means the page, not the timeline.
    dragmode: coarse.matches ? false : "zoom",
  });
}

function say(plot) {
  const [from, until] = plot.layout.xaxis.range.map((ms) => `${Math.round(ms)}`.replace("-", "−"));
  const shown = document.getElementById(plot.dataset.shown);
  if (shown) shown.textContent = `${from} to ${until} ms`;
}

async function draw(plot) {
  const { data, layout } = read(plot.dataset.json);
  plot.whole = [...layout.xaxis.range];
  await Plotly.newPlot(plot, data, themed(layout), settings);
  plot.on("plotly_relayout", () => say(plot));
  say(plot);
  plot.dataset.drawn = scheme();
}

async function dye(plot) {
  await Plotly.relayout(plot, themed(plot.layout));
  plot.dataset.drawn = scheme();
}

function range(plot, { view, by }) {
  if (view === "whole") return plot.whole;
  if (view) return JSON.parse(view);
  const [from, until] = plot.layout.xaxis.range;
  const [first, last] = JSON.parse(by);
  return [from + first * (until - from), until + last * (until - from)];
}

function save(id, name) {
  const link = document.createElement("a");
  const text = document.getElementById(id).textContent;
  link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

for (const button of document.querySelectorAll("[data-plot]")) {
  const plot = document.getElementById(button.dataset.plot);
  button.addEventListener("click", () =>
    Plotly.relayout(plot, { "xaxis.range": [...range(plot, button.dataset)] }),
  );
}
for (const button of document.querySelectorAll("[data-save]")) {
  button.addEventListener("click", () => save(button.dataset.save, button.dataset.name));
}
dark.addEventListener("change", () => {
  for (const plot of plots) dye(plot);
});
for (const plot of plots) await draw(plot);
