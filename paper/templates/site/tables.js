/* The page of the tables: what cells show, the order of rows, and the episodes behind a cell. */
"use strict";
(() => {
  const main = document.querySelector("main");
  const data = JSON.parse(document.getElementById("data").textContent);
  const dialog = document.getElementById("cell");
  const number = (td, name) => (td.dataset[name] === "" ? NaN : Number(td.dataset[name]));
  const KEY = "Green: succeeded. Empty: failed. Striped: ended in an error. Framed: traced, and can be watched.";
  const VALUES = {
    reproduced: (td) => number(td, "rate"),
    printed: (td) => number(td, "printed"),
    difference: (td) => number(td, "rate") - number(td, "printed"),
  };

  function shade(view) {
    for (const td of document.querySelectorAll("td[data-rate]")) {
      const value = VALUES[view](td);
      td.removeAttribute("style");
      if (Number.isNaN(value)) continue;
      td.style.setProperty("--shade", view === "difference" && value < 0 ? "var(--none)" : "var(--memory)");
      td.style.setProperty("--strength", `${Math.round(28 * Math.min(1, Math.abs(value)))}%`);
    }
  }

  function show(view) {
    main.dataset.view = view;
    for (const button of document.querySelectorAll("[data-view][aria-pressed]"))
      button.setAttribute("aria-pressed", String(button.dataset.view === view));
    document.getElementById("view-note").textContent = data.notes[view];
    shade(view);
  }

  /* Rows are sorted within their group; the average stays last, and cells without a number after those with one. */
  function sort(table, column, direction) {
    for (const th of table.querySelectorAll("thead th")) th.removeAttribute("aria-sort");
    if (direction) table.querySelectorAll("thead th")[column].setAttribute("aria-sort", direction);
    const value = VALUES[main.dataset.view];
    for (const body of table.tBodies) {
      const rows = [...body.querySelectorAll("tr:not(.group):not(.average)")];
      rows.forEach((row, place) => (row.dataset.place ??= String(place)));
      rows.sort((a, b) => {
        if (direction) {
          const [x, y] = [value(a.cells[column + 1]), value(b.cells[column + 1])];
          if (Number.isNaN(x) !== Number.isNaN(y)) return Number.isNaN(x) ? 1 : -1;
          if (x !== y && !Number.isNaN(x)) return direction === "ascending" ? x - y : y - x;
        }
        return a.dataset.place - b.dataset.place;
      });
      const last = body.querySelector(".average");
      for (const row of rows) body.insertBefore(row, last);
    }
    document.getElementById("order").hidden = !document.querySelector("[aria-sort]");
  }

  function sorted() {
    for (const one of (address.read().get("sort") || "").split(" ").filter(Boolean)) {
      const [name, column, direction] = one.split(".");
      const table = document.querySelector(`table[data-table="${CSS.escape(name)}"]`);
      if (table && table.querySelectorAll("thead th")[column]) sort(table, Number(column), direction);
    }
  }

  function remember() {
    const found = [...document.querySelectorAll("[aria-sort]")].map((th) => {
      const column = th.querySelector(".sort").dataset.column;
      return `${th.closest("table").dataset.table}.${column}.${th.getAttribute("aria-sort")}`;
    });
    address.write({ sort: found.join(" ") });
  }

  const element = (name, text, attributes = {}) => {
    const made = document.createElement(name);
    made.textContent = text;
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };

  function open(key) {
    const button = document.querySelector(`.cell[data-key="${CSS.escape(key)}"]`);
    const cell = data.cells[key];
    if (!button || !cell) return;
    document.getElementById("cell-title").textContent = `${cell.column} · ${cell.row}`;
    const content = document.getElementById("cell-content");
    const list = element("dl", "");
    for (const [name, value] of cell.facts) list.append(element("dt", name), element("dd", value));
    content.replaceChildren(list);
    const variant = cell.number.split(" ")[0];
    for (const run of data.episodes[cell.number] || []) content.append(...episodes(variant, run));
    if (content.querySelector(".strip")) content.append(element("div", KEY, { class: "small" }));
    address.write({ cell: key });
    if (!dialog.open) dialog.showModal();
  }

  function episodes(variant, run) {
    const strip = element("div", "", { class: "strip", role: "group" });
    const count = run.outcomes.split("1").length - 1;
    const words = { 1: "succeeded", 0: "failed", e: "ended in an error" };
    [...run.outcomes].forEach((letter, place) => {
      const seed = run.seeds[0] + place;
      const name = `${variant}-${run.environment.replace("/", "-")}-${seed}`;
      const said = `seed ${seed}: ${words[letter]}`;
      const traced = !run.home && name in data.traced;
      // where rounding is not held, as on a GPU, it may decide
      const other = traced && data.traced[name] && data.traced[name] !== letter ? `; traced, it ${words[data.traced[name]]}` : "";
      strip.append(traced
        ? element("a", "", { class: `s${letter}`, href: `viewer.html#episode=${name}`, title: `${said}${other}; watch it`,
          "aria-label": `${said}${other}; watch it` })
        : element("i", "", { class: `s${letter}`, title: said }));
    });
    strip.setAttribute("aria-label", `${count} of ${run.outcomes.length} episodes succeeded`);
    const head = `${run.environment}${run.home ? `, training ${run.home}` : ""}: ${count} of ${run.outcomes.length} `
      + `episodes, seeds ${run.seeds[0]} to ${run.seeds[1]}`;
    const line = element("div", head, { class: "small" });
    line.append(" · ", element("a", "provenance", { href: `provenance.html#${run.provenance}` }));
    return [line, strip];
  }

  /* One cell of a table is a tab stop; arrows move from there. */
  function move(event) {
    const button = event.target.closest(".cell");
    const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (!button || !steps) return;
    event.preventDefault();
    const rows = [...button.closest("table").querySelectorAll("tbody tr:not(.group)")].filter((row) => row.offsetParent);
    let [y, x] = [rows.indexOf(button.closest("tr")), button.closest("td").cellIndex];
    do {
      [y, x] = [y + steps[0], x + steps[1]];
      const next = rows[y] && rows[y].cells[x] && rows[y].cells[x].querySelector(".cell");
      if (next && next.offsetParent) return focus(next);
    } while (rows[y] && x > 0 && x < rows[y].cells.length);
  }

  function focus(button) {
    for (const other of button.closest("table").querySelectorAll('.cell[tabindex="0"]')) other.tabIndex = -1;
    button.tabIndex = 0;
    button.focus();
  }

  function restore() {
    const state = address.read();
    const view = state.get("view");
    show(view in VALUES ? view : "reproduced");
    const only = state.get("run") === "1";
    document.getElementById("only-run").checked = only;
    main.toggleAttribute("data-only-run", only);
    sorted();
    if (state.get("cell")) open(state.get("cell"));
  }

  for (const table of document.querySelectorAll("table[data-table]")) {
    const first = table.querySelector(".cell");
    if (first) first.tabIndex = 0;
    table.addEventListener("keydown", move);
    table.addEventListener("click", (event) => {
      const cell = event.target.closest(".cell");
      const head = event.target.closest(".sort");
      if (cell) { focus(cell); open(cell.dataset.key); }
      if (!head) return;
      const now = head.closest("th").getAttribute("aria-sort");
      sort(table, Number(head.dataset.column), { null: "descending", descending: "ascending" }[now]);
      remember();
    });
  }
  for (const button of document.querySelectorAll("button[data-view]"))
    button.addEventListener("click", () => {
      show(button.dataset.view);
      sorted();
      address.write({ view: button.dataset.view === "reproduced" ? "" : button.dataset.view });
    });
  document.getElementById("only-run").addEventListener("change", (event) => {
    main.toggleAttribute("data-only-run", event.target.checked);
    address.write({ run: event.target.checked ? "1" : "" });
  });
  document.getElementById("order").addEventListener("click", () => {
    for (const table of document.querySelectorAll("table[data-table]")) sort(table, 0, undefined);
    remember();
  });
  dialog.addEventListener("close", () => address.write({ cell: "" }));
  window.addEventListener("hashchange", restore);
  restore();
})();
