// What HTML alone does not do: times in the reader's zone, charts, a question before what cannot be taken back.
"use strict";

// Days are those of UTC, wherever the reader is; minutes are the reader's own.
const days = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", timeZone: "UTC" });
const minutes = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const format = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

// Lines are told apart without their colours, too.
const DASHES = [[], [8, 4], [2, 3]];

function localise(root) {
  for (const element of root.querySelectorAll("time[datetime]")) {
    const moment = new Date(element.dateTime);
    if (!Number.isNaN(moment.getTime())) {
      element.textContent = format.format(moment);
      element.title = element.dateTime;
    }
  }
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function draw(root) {
  for (const element of root.querySelectorAll(".chart[data-series]")) {
    if (element.firstChild) continue;
    const labels = element.dataset.labels.split(",");
    const strokes = element.dataset.strokes.split(",").map(colour);
    const axis = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 } };
    const isDaily = element.dataset.times === "days";
    const time = isDaily ? days : minutes;
    const data = JSON.parse(element.dataset.series);
    const past = {
      ...axis,
      incrs: isDaily ? [86400, 172800, 604800] : [60, 300, 600, 900],
      values: (_, ticks) => ticks.map((tick) => time.format(new Date(tick * 1000))),
    };
    const most = Number(element.dataset.top) || Math.max(1, ...data.slice(1).flat());
    // A value with none beside it has no line; it is a point.
    const isSparse = data.slice(1).some((line) => line.includes(null));
    new uPlot(
      {
        width: element.clientWidth - 16,
        height: element.clientHeight - 48,
        cursor: { show: false },
        legend: { live: false },
        axes: [past, { ...axis, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000, 10000, 100000, 1000000] }],
        scales: { y: { range: [0, most * 1.1] } },
        series: [{ label: isDaily ? "Day" : "Minute" }, ...labels.map((label, index) => ({ label, stroke: strokes[index % strokes.length], width: 2, dash: DASHES[index % DASHES.length], spanGaps: true, points: { show: isDaily || isSparse } }))],
      },
      data,
      element,
    );
  }
}

function prepare(root) {
  localise(root);
  draw(root);
}

// Nobody loses what they are typing since something happened elsewhere, or a part that they opened.
function isBusy(element) {
  return element.contains(document.activeElement) && document.activeElement.matches("input, select, textarea, summary")
    || element.querySelector("details[open]") !== null;
}

function say(text) {
  const announcement = document.getElementById("announcement");
  if (announcement.textContent !== text) announcement.textContent = text;
}

// A page that is slow to come says so; the browser's own mark of it is small, and silent.
window.addEventListener("beforeunload", () => {
  document.getElementById("content").setAttribute("aria-busy", "true");
  say("Loading.");
});
window.addEventListener("pageshow", () => {
  document.getElementById("content").removeAttribute("aria-busy");
  say("");
});

document.addEventListener("DOMContentLoaded", () => {
  prepare(document);
  document.body.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.requestConfig.verb === "get" && isBusy(event.detail.elt)) event.preventDefault();
  });
  // What somebody is filling in stays, as long as the same can be done.
  document.body.addEventListener("htmx:oobBeforeSwap", (event) => {
    const { fragment, target } = event.detail;
    const offered = fragment.querySelector("[data-offered]")?.dataset.offered;
    event.detail.shouldSwap = offered !== target.dataset.offered;
  });
  document.body.addEventListener("htmx:afterSettle", (event) => {
    prepare(event.detail.elt.parentElement ?? document);
  });
  for (const trouble of ["htmx:responseError", "htmx:sendError"]) {
    document.body.addEventListener(trouble, () => say("This page could not be brought up to date; it is tried again."));
  }
  document.body.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.successful) say("");
  });
  document.body.addEventListener("submit", (event) => {
    const question = event.target.dataset.confirm;
    if (question && !window.confirm(question)) event.preventDefault();
  });
});
