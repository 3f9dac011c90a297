
const compareText = new Intl.Collator("en", { numeric: true, sensitivity: "base" }).compare;

function sortRows(table, column, ascending) {
  const value = (row) => row.cells[column].dataset.value;
  const isText = table.tHead.rows[0].cells[column].classList.contains("text");
  const compare = isText ? compareText : (a, b) => a - b;
  const rows = [...table.tBodies[0].rows];
  // What is not known comes last in both directions.
  rows.sort((a, b) => {
    const [left, right] = [value(a), value(b)];
    if (left === "" || right === "") return (left === "") - (right === "");
    return ascending ? compare(left, right) : compare(right, left);
  });
  table.tBodies[0].append(...rows);
  [...table.tHead.rows[0].cells].forEach((header, index) => {
    if (index !== column) header.removeAttribute("aria-sort");
    else header.setAttribute("aria-sort", ascending ? "ascending" : "descending");
  });
}

function makeSortable(table) {
  [...table.tHead.rows[0].cells].forEach((header, column) => {
    header.querySelector("button").addEventListener("click", () => {
      const now = header.getAttribute("aria-sort");
      const ascending = now ? now === "descending" : header.dataset.first === "ascending";
      sortRows(table, column, ascending);
    });
  });
}

// Rows that no other one beats in both bits and FLOPs per byte.
function withFrontier(rows) {
  const order = rows
    .filter((row) => row.bits_per_byte !== null)
    .sort((a, b) => a.flops_per_byte - b.flops_per_byte || a.bits_per_byte - b.bits_per_byte);
  let best = Infinity;
  const frontier = new Set();
  for (const row of order) {
    if (row.bits_per_byte < best) frontier.add(row);
    best = Math.min(best, row.bits_per_byte);
  }
  return rows.map((row) => ({ ...row, on_frontier: frontier.has(row) }));
}

const tooltip = document.getElementById("tooltip");

function showTooltip(row, x, y) {
  const headers = [...row.closest("table").tHead.rows[0].cells];
  const name = document.createElement("strong");
  name.textContent = row.querySelector("th").textContent;
  const list = document.createElement("dl");
  [...row.cells].forEach((cell, column) => {
    if (cell.tagName === "TH") return;
    const term = document.createElement("dt");
    const value = document.createElement("dd");
    term.textContent = headers[column].textContent;
    value.textContent = cell.textContent;
    list.append(term, value);
  });
  tooltip.replaceChildren(name, list);
  tooltip.hidden = false;
  const box = tooltip.getBoundingClientRect();
  const left = x + 16 + box.width < innerWidth ? x + 16 : x - 16 - box.width;
  const top = Math.min(y + 16, innerHeight - box.height - 8);
  tooltip.style.transform = `translate(${Math.max(8, left)}px, ${Math.max(8, top)}px)`;
}

function hideTooltip() {
  tooltip.hidden = true;
}

class Board {
  constructor(section, rows) {
    this.section = section;
    this.rows = rows;
    this.table = section.querySelector("table");
    this.rowElements = new Map(
      [...this.table.tBodies[0].rows].map((row) => [row.dataset.key, row])
    );
    this.views = [];
    makeSortable(this.table);
    this.listen();
    this.filter();
  }

  async draw(charts) {
    const elements = [...this.section.querySelectorAll(".chart")];
    const tooltip = (_, event, item, value) => this.point(event, value ? item.datum.key : null);
    const options = {
      actions: false, ast: true, defaultStyle: false, renderer: "svg", tooltip,
      logLevel: 1, // errors; a search that finds nothing is none
    };
    const drawn = await Promise.all(
      elements.map((element) => vegaEmbed(element, charts[element.dataset.chart], options))
    );
    this.views = drawn.map(({ view }) => view);
    this.filter();
  }

  point(event, key) {
    this.highlight(key);
    if (key === null) hideTooltip();
    else showTooltip(this.rowElements.get(key), event.clientX, event.clientY);
  }

  highlight(key) {
    const row = key === null ? null : this.rows.find((row) => row.key === key);
    for (const element of this.rowElements.values()) {
      element.classList.toggle("highlighted", element.dataset.key === key);
    }
    for (const view of this.views) {
      view.signal("highlighted", key).signal("highlighted_series", row ? row.series : null);
      view.runAsync();
    }
  }

  listen() {
    this.search = this.section.querySelector("input[type=search]");
    this.boxes = [...this.section.querySelectorAll(".series input")];
    this.search.addEventListener("input", () => this.filter());
    for (const box of this.boxes) box.addEventListener("change", () => this.filter());
    this.section.querySelector(".all").addEventListener("click", () => this.toggleAll());
    const body = this.table.tBodies[0];
    body.addEventListener("mouseover", (event) =>
      this.highlight(event.target.closest("tr").dataset.key)
    );
    body.addEventListener("mouseleave", () => this.highlight(null));
  }

  toggleAll() {
    const checked = !this.boxes.every((box) => box.checked);
    for (const box of this.boxes) box.checked = checked;
    this.filter();
  }

  filter() {
    const words = this.search.value.toLowerCase().split(/\s+/);
    const series = new Set(this.boxes.filter((box) => box.checked).map((box) => box.value));
    const shown = this.rows.filter((row) => {
      const text = `${row.model} ${row.series}`.toLowerCase();
      return series.has(row.series) && words.every((word) => text.includes(word));
    });
    const keys = new Set(shown.map((row) => row.key));
    for (const [key, element] of this.rowElements) element.hidden = !keys.has(key);
    for (const view of this.views) view.data("rows", withFrontier(shown)).runAsync();
    this.tell(shown.length);
  }

  tell(count) {
    const all = this.rows.length;
    this.section.querySelector(".count").textContent = `${count} of ${all} models shown`;
    this.section.querySelector(".empty").hidden = count > 0;
    const every = this.boxes.every((box) => box.checked);
    this.section.querySelector(".all").textContent = every ? "Uncheck all" : "Check all";
  }
}

const data = JSON.parse(document.getElementById("data").textContent);
for (const { id, rows, charts } of data.boards) {
  new Board(document.getElementById(id), rows).draw(charts);
}
addEventListener("scroll", hideTooltip, { passive: true });
addEventListener("keydown", (event) => event.key === "Escape" && hideTooltip());
