/* Tabs, tables that sort, switches of strategies, cards on a phone. Without it, all of a page shows. */
"use strict";
const all = (selector, within = document) => [...within.querySelectorAll(selector)];

const tabs = all("[role=tab]");
const panelOf = tab => document.getElementById(tab.getAttribute("aria-controls"));
function choose(tab, focus) {
  for (const each of tabs) {
    const chosen = each === tab;
    each.setAttribute("aria-selected", chosen);
    each.tabIndex = chosen ? 0 : -1;
    panelOf(each).hidden = !chosen;
  }
  if (focus) tab.focus();
}
tabs.forEach((tab, at) => {
  tab.addEventListener("click", () => { choose(tab); scrollTo(0, 0); });
  tab.addEventListener("keydown", event => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step) choose(tabs[(at + step + tabs.length) % tabs.length], true);
  });
});
/* A link to a figure opens its tab. */
function follow() {
  const place = location.hash && document.getElementById(location.hash.slice(1));
  const tab = place && tabs.find(each => panelOf(each).contains(place));
  if (tab) { choose(tab); place.scrollIntoView(); }
}
if (tabs.length) { choose(tabs[0]); follow(); addEventListener("hashchange", follow); }

const valueOf = cell => {
  const number = parseFloat(cell.dataset.sort ?? cell.textContent.replace(/[^\d.eE+\u2212-]/g, " ").replace("\u2212", "-").trim());
  return Number.isNaN(number) ? cell.textContent.trim().toLowerCase() : number;
};
const compare = (a, b) => (typeof a === typeof b ? (a < b ? -1 : +(a > b)) : typeof a === "number" ? -1 : 1);
for (const table of all("table:not(.tally)")) {
  const heads = all("thead th", table), body = table.tBodies[0];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.append(...head.childNodes);
    button.title = "Sort";
    head.append(button);
    button.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      heads.forEach(each => each.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const rows = [...body.rows].sort((a, b) => compare(valueOf(a.cells[column]), valueOf(b.cells[column])) * (up ? 1 : -1));
      body.append(...rows);
    });
  });
  for (const row of body.rows) {
    [...row.cells].forEach((cell, column) => { cell.dataset.label = heads[column]?.textContent ?? ""; });
  }
}

const switches = all(".switches input");
const names = switches.map(each => each.value);
/* A row is about the strategy that it begins with, or that a cell names. */
const strategyOf = row => names.find(name =>
  [...row.cells].some((cell, at) => cell.textContent.trim() === name || (!at && cell.textContent.trim().startsWith(name + " "))));
function show() {
  const off = new Set(switches.filter(each => !each.checked).map(each => each.value));
  for (const row of all("table:not(.tally) tbody tr")) row.hidden = off.has(strategyOf(row));
}
switches.forEach(each => each.addEventListener("change", show));
