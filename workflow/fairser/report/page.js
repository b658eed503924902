"use strict";
// Sorting, filtering, and the records behind a cell. Without this script the table is static.
(() => {
  const table = document.getElementById("table");
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const heads = [...table.tHead.rows[0].cells];
  const controls = document.getElementById("controls");
  const search = document.getElementById("search");
  const selects = [...controls.querySelectorAll("select")];
  const boxes = [...controls.querySelectorAll("[data-hides]")];
  const data = JSON.parse(document.getElementById("data").textContent);

  const place = (name) => heads.findIndex((head) => head.dataset.name === name);
  const element = (name, attributes = {}, ...children) => {
    const made = document.createElement(name);
    Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
    made.append(...children);
    return made;
  };
  const label = (cell) =>
    (cell.querySelector("button") || cell.firstChild || cell).textContent.trim();

  // ---- sorting: ascending, descending, then the first order again ------------------------------
  const key = (cell, numeric) => {
    const found = cell.dataset.v ?? label(cell);
    if (found === "") return null;
    return numeric ? Number(found.replace("\u2212", "-").replaceAll(",", "")) : found;
  };
  const compare = (a, b) =>
    typeof a === "number" ? a - b : a.localeCompare(b, "en", { numeric: true });
  const sort = (column, direction) => {
    heads.forEach((head, i) =>
      head.setAttribute("aria-sort", i === column ? direction : "none"));
    if (direction === "none") {
      body.append(...rows);
      return;
    }
    const sign = direction === "ascending" ? 1 : -1;
    const numeric = heads[column].classList.contains("n");
    const keyed = rows.map((row) => [key(row.cells[column], numeric), row]);
    keyed.sort(([a], [b]) => {
      // Empty cells come last in both directions.
      if (a === null || b === null) return (a === null) - (b === null);
      return sign * compare(a, b);
    });
    body.append(...keyed.map(([, row]) => row));
  };
  const turns = { none: "ascending", ascending: "descending", descending: "none" };
  heads.forEach((head, column) => {
    const button = element("button", { type: "button" }, head.textContent);
    button.addEventListener("click", () => sort(column, turns[head.getAttribute("aria-sort")]));
    head.replaceChildren(button);
    head.setAttribute("aria-sort", "none");
  });

  // ---- filtering --------------------------------------------------------------------------------
  const texts = rows.map((row) =>
    [...row.cells].map((cell) => cell.textContent).join("\n").toLowerCase());
  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    rows.forEach((row, i) => {
      const fits = words.every((word) => texts[i].includes(word)) && selects.every((one) =>
        one.value === "" || label(row.cells[place(one.dataset.name)]) === one.value);
      row.hidden = !fits;
    });
    const shown = rows.filter((row) => !row.hidden).length;
    document.getElementById("count").textContent =
      shown === rows.length ? `${shown} rows` : `${shown} of ${rows.length} rows`;
    selects.forEach((one) => one.classList.toggle("used", one.value !== ""));
    boxes.forEach((box) => table.classList.toggle(box.dataset.hides, !box.checked));
  };
  controls.addEventListener("input", filter);
  controls.addEventListener("submit", (event) => event.preventDefault());
  // A reset shows all rows, even on a page that opens with a filter.
  controls.addEventListener("reset", (event) => {
    event.preventDefault();
    [search, ...selects].forEach((one) => { one.value = ""; });
    boxes.forEach((box) => { box.checked = true; });
    sort(-1, "none");
    filter();
  });
  document.getElementById("print").addEventListener("click", () => window.print());
  controls.hidden = false;
  filter();

  // ---- records behind a cell --------------------------------------------------------------------
  const dialog = document.getElementById("origin");
  // Links work only if the page is a file of its own, not within Snakemake's report.
  const standalone = location.protocol !== "data:";
  const address = (record) => {
    // A long path may break after its slashes.
    const parts = record.path.split(/(?<=\/)/).flatMap((part) => [part, element("wbr")]);
    const code = element("code", {}, ...parts);
    if (!standalone) return code;
    const href = record.link.split("/").map(encodeURIComponent).join("/");
    return element("a", { href, target: "_blank" }, code);
  };
  const said = (value) =>
    value === null ? "" : Number.isInteger(value) ? String(value) : value.toFixed(4);
  const recordTable = (found, values, title) => {
    const names = [...new Set(found.flatMap((record) => record.facts.map(([name]) => name)))];
    const head = ["", title, ...names].map((one, i) =>
      element("th", { scope: "col", class: i ? "n" : "" }, one));
    const lines = found.map((record, i) => {
      const own = new Map(record.facts);
      return element("tr", {},
        element("th", { scope: "row" }, record.name, element("br"), address(record)),
        element("td", { class: "n value" }, said(values[i])),
        ...names.map((name) => element("td", { class: "n" }, own.get(name) ?? "")));
    });
    return element("div", { class: "frame" }, element("table", { class: "records" },
      element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...lines)));
  };
  const sectionList = (found) => {
    const owners = new Map();
    found.forEach((record) => record.sections.forEach((i) =>
      owners.set(i, [...(owners.get(i) ?? []), record.name])));
    const headings = [...owners.keys()].map((i) => data.sections[i][0]);
    const order = [...owners].sort(([a], [b]) =>
      headings.indexOf(data.sections[a][0]) - headings.indexOf(data.sections[b][0]));
    return order.map(([i, names], position) => {
      const [heading, pairs] = data.sections[i];
      // A section that is not shared by all records says whose it is.
      const more = names.length > 2 ? `; ${names.length - 2} more` : "";
      const whose = names.length < found.length ? ` of ${names.slice(0, 2).join("; ")}${more}` : "";
      const list = pairs.flatMap(([name, value]) =>
        [element("dt", {}, name), element("dd", {}, value)]);
      return element("details", position ? {} : { open: "" },
        element("summary", {}, heading + whose), element("dl", {}, ...list));
    });
  };
  table.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-c]");
    if (!button) return;
    const row = button.closest("tr");
    const behind = data.rows[row.dataset.i];
    const found = behind.r.map((i) => data.records[i]);
    const column = place(button.dataset.c);
    const title = heads[column].textContent;
    const named = [...row.cells].slice(0, column)
      .filter((cell) => !cell.classList.contains("n") || !cell.querySelector("button"))
      .map(label).filter(Boolean);
    document.getElementById("origin-title").textContent = `${named.join(", ")}: ${title}`;
    // The content of the cell, with the meanings of its signs.
    const cell = row.cells[column].cloneNode(true);
    cell.querySelectorAll("[aria-hidden]").forEach((sign) => sign.remove());
    const told = [...cell.children].slice(1).map((part) =>
      element("span", {}, part.textContent.replace(/^, /, "")));
    document.getElementById("origin-body").replaceChildren(
      element("p", { class: "told" }, element("strong", {}, button.textContent), ...told),
      recordTable(found, behind.v[button.dataset.c], title),
      ...sectionList(found));
    dialog.showModal();
    dialog.scrollTop = 0;
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
})();
