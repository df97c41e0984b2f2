// What HTML alone does not do: times in the reader's zone, charts, a question before what cannot be taken back.
"use strict";

const format = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

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
    const strokes = ["--good", "--bad", "--accent"].map(colour);
    const axis = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 } };
    new uPlot(
      {
        width: element.clientWidth - 16,
        height: element.clientHeight - 48,
        cursor: { show: false },
        axes: [axis, axis],
        series: [{}, ...labels.map((label, index) => ({ label, stroke: strokes[index], width: 2, points: { show: true } }))],
      },
      JSON.parse(element.dataset.series),
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

document.addEventListener("DOMContentLoaded", () => {
  prepare(document);
  document.body.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.requestConfig.verb === "get" && isBusy(event.detail.elt)) event.preventDefault();
  });
  document.body.addEventListener("htmx:afterSettle", (event) => {
    prepare(event.detail.elt.parentElement ?? document);
  });
  document.body.addEventListener("htmx:responseError", () => {
    document.getElementById("announcement").textContent = "This page could not be brought up to date.";
  });
  document.body.addEventListener("submit", (event) => {
    const question = event.target.dataset.confirm;
    if (question && !window.confirm(question)) event.preventDefault();
  });
});
