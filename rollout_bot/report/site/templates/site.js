// The pages say everything without this; it adds countdowns, and filter and sort of the overview.
"use strict";

function span(milliseconds) {
  const minutes = Math.max(0, Math.floor(milliseconds / 60000));
  const [days, hours, rest] = [Math.floor(minutes / 1440), Math.floor(minutes / 60) % 24, minutes % 60];
  if (days) return hours ? `${days} d ${hours} h` : `${days} d`;
  if (hours) return rest ? `${hours} h ${rest} min` : `${hours} h`;
  return `${rest} min`;
}

function clock() {
  const now = Date.now();
  for (const each of document.querySelectorAll("[data-until]")) {
    const left = Date.parse(each.dataset.until) - now;
    each.textContent = left > 0 ? `in ${span(left)}` : "due: the next tick looks again";
  }
  for (const each of document.querySelectorAll("[data-ago]")) {
    each.textContent = `${span(now - Date.parse(each.dataset.ago))} ago`;
  }
}

function overview(table) {
  const controls = document.querySelector("[data-controls]");
  const text = controls.querySelector("[data-filter]");
  const only = controls.querySelector("[data-attention]");
  const rows = [...table.tBodies[0].rows];
  const words = rows.map((row) => row.textContent.toLowerCase());
  controls.hidden = false;

  function filter() {
    const wanted = text.value.toLowerCase().split(/\s+/);
    let shown = 0;
    rows.forEach((row, index) => {
      const fits = wanted.every((word) => words[index].includes(word));
      row.hidden = !fits || (only.checked && !("needsAttention" in row.dataset));
      shown += row.hidden ? 0 : 1;
    });
    controls.querySelector("[data-count]").textContent = `${shown} of ${rows.length}`;
  }

  function sort(header, column) {
    const descending = header.getAttribute("aria-sort") === "ascending";
    for (const each of table.tHead.rows[0].cells) each.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", descending ? "descending" : "ascending");
    const value = (row) => {
      const cell = row.cells[column];
      return header.dataset.sort === "number" ? Number(cell.dataset.value) : cell.textContent.trim();
    };
    const compare = (a, b) => (typeof a === "number" ? a - b : a.localeCompare(b));
    const keyed = rows.map((row) => [value(row), row]);
    keyed.sort(([a], [b]) => (descending ? compare(b, a) : compare(a, b)));
    table.tBodies[0].append(...keyed.map(([, row]) => row));
  }

  [...table.tHead.rows[0].cells].forEach((header, column) => {
    if (!header.dataset.sort) return;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = header.textContent;
    button.addEventListener("click", () => sort(header, column));
    header.replaceChildren(button);
  });
  text.addEventListener("input", filter);
  only.addEventListener("change", filter);
  filter();
}

clock();
setInterval(clock, 30000);
const table = document.querySelector("table.overview");
if (table) overview(table);
