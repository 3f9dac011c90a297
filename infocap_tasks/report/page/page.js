
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

function makeSortable(table, whenSorted) {
  [...table.tHead.rows[0].cells].forEach((header, column) => {
    header.querySelector("button").addEventListener("click", () => {
      const now = header.getAttribute("aria-sort");
      const ascending = now ? now === "descending" : header.dataset.first === "ascending";
      sortRows(table, column, ascending);
      whenSorted();
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

const TOP = 10; // rows before the charts, until all are asked for
const STEPS = {
  ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -Infinity, End: Infinity,
};

const tooltip = document.getElementById("tooltip");
const announcement = document.getElementById("announcement");

// What a row says: its model, and pairs of header and cell.
function inWords(row) {
  const headers = [...row.closest("table").tHead.rows[0].cells];
  const pairs = [...row.cells]
    .map((cell, column) => [headers[column].textContent, cell.textContent])
    .filter((_, column) => row.cells[column].tagName !== "TH");
  return { model: row.querySelector("th").textContent, pairs };
}

function announce(row) {
  const { model, pairs } = inWords(row);
  announcement.textContent = [model, ...pairs.map((pair) => pair.join(" "))].join(", ");
}

function showTooltip(row, x, y) {
  const { model, pairs } = inWords(row);
  const name = document.createElement("strong");
  name.textContent = model;
  const list = document.createElement("dl");
  for (const [header, text] of pairs) {
    const term = document.createElement("dt");
    const value = document.createElement("dd");
    term.textContent = header;
    value.textContent = text;
    list.append(term, value);
  }
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

// The points of a chart from left to right; Vega keeps what it drew at each element.
function pointsOf(chart) {
  return [...chart.querySelectorAll(".points_marks path")]
    .map((path) => {
      const box = path.getBoundingClientRect();
      const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
      return { key: path.__data__.datum.key, x, y };
    })
    .sort((a, b) => a.x - b.x || a.y - b.y);
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
    this.isExpanded = false;
    this.chosen = null; // the series that is brought out
    makeSortable(this.table, () => this.cut());
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
      elements.map((element) =>
        vegaEmbed(element.querySelector(".drawing"), charts[element.dataset.chart], options)
      )
    );
    this.views = drawn.map(({ view }) => view);
    this.filter();
  }

  point(event, key) {
    this.highlight(key);
    if (key === null) hideTooltip();
    else showTooltip(this.rowElements.get(key), event.clientX, event.clientY);
  }

  // Go this many points to the right of the one that the keys have reached.
  step(chart, count) {
    const points = pointsOf(chart);
    if (points.length === 0) return;
    const at = points.findIndex(({ key }) => key === chart.dataset.at);
    const { key, x, y } = points[Math.max(0, Math.min(points.length - 1, at + count))];
    chart.dataset.at = key;
    this.highlight(key);
    showTooltip(this.rowElements.get(key), x, y);
    announce(this.rowElements.get(key));
  }

  leave() {
    this.highlight(null);
    hideTooltip();
  }

  highlight(key) {
    const row = key === null ? null : this.rows.find((row) => row.key === key);
    for (const element of this.rowElements.values()) {
      element.classList.toggle("highlighted", element.dataset.key === key);
    }
    for (const view of this.views) {
      view.signal("highlighted", key);
      view.signal("highlighted_series", row ? row.series : this.chosen).runAsync();
    }
  }

  listen() {
    this.search = this.section.querySelector("input[type=search]");
    this.boxes = [...this.section.querySelectorAll(".series input")];
    this.search.addEventListener("input", () => this.filter());
    for (const box of this.boxes) box.addEventListener("change", () => this.filter());
    this.section.querySelector(".all")?.addEventListener("click", () => this.toggleAll());
    this.section.querySelector(".chosen")?.addEventListener("change", (event) =>
      this.choose(event.target.value)
    );
    this.more = this.section.querySelector(".more");
    this.more.addEventListener("click", () => {
      this.isExpanded = !this.isExpanded;
      this.cut();
    });
    this.section.querySelectorAll(".chart").forEach((chart) => this.listenToKeys(chart));
    const body = this.table.tBodies[0];
    body.addEventListener("mouseover", (event) =>
      this.highlight(event.target.closest("tr").dataset.key)
    );
    body.addEventListener("mouseleave", () => this.highlight(null));
  }

  listenToKeys(chart) {
    chart.addEventListener("focus", () => chart.matches(":focus-visible") && this.step(chart, 0));
    chart.addEventListener("blur", () => this.leave());
    chart.addEventListener("keydown", (event) => {
      if (!(event.key in STEPS)) return;
      event.preventDefault();
      this.step(chart, STEPS[event.key]);
    });
  }

  choose(series) {
    this.chosen = series || null;
    const key = this.section.querySelector(".chosen-key");
    key.hidden = this.chosen === null;
    key.querySelector(".chosen-name").textContent = series;
    this.highlight(null);
  }

  toggleAll() {
    const checked = !this.boxes.every((box) => box.checked);
    for (const box of this.boxes) box.checked = checked;
    this.filter();
  }

  filter() {
    const words = this.search.value.toLowerCase().split(/\s+/);
    const left = new Set(this.boxes.filter((box) => !box.checked).map((box) => box.value));
    const shown = this.rows.filter((row) => {
      const text = `${row.model} ${row.series}`.toLowerCase();
      return !left.has(row.series) && words.every((word) => text.includes(word));
    });
    const keys = new Set(shown.map((row) => row.key));
    for (const [key, element] of this.rowElements) element.hidden = !keys.has(key);
    for (const view of this.views) view.data("rows", withFrontier(shown)).runAsync();
    this.cut();
    this.tell(shown.length);
  }

  // Leave the rows after the first ten to the button, so that the charts are not far.
  cut() {
    const shown = [...this.table.tBodies[0].rows].filter((row) => !row.hidden);
    shown.forEach((row, index) => row.classList.toggle("beyond", !this.isExpanded && index >= TOP));
    this.more.hidden = shown.length <= TOP;
    this.more.textContent = this.isExpanded ? `Show ${TOP} models` : `Show all ${shown.length} models`;
  }

  tell(count) {
    const all = this.rows.length;
    this.section.querySelector(".count").textContent = `${count} of ${all} models match`;
    this.section.querySelector(".empty").hidden = count > 0;
    const button = this.section.querySelector(".all");
    if (!button) return;
    button.textContent = this.boxes.every((box) => box.checked) ? "Uncheck all" : "Check all";
  }
}

const data = JSON.parse(document.getElementById("data").textContent);
for (const { id, rows, charts } of data.boards) {
  new Board(document.getElementById(id), rows).draw(charts);
}
addEventListener("scroll", () => document.querySelector(".chart:focus-visible") || hideTooltip(), {
  passive: true, // and moving to a chart by keys scrolls, too
});
addEventListener("keydown", (event) => event.key === "Escape" && hideTooltip());
