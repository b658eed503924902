"use strict";
// Sorting, filtering, and the runs behind a cell. The table works without it, unsorted.
(() => {
  const table = document.getElementById("table");
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const heads = [...table.tHead.rows[0].cells];
  const controls = document.getElementById("controls");
  const search = document.getElementById("search");
  const selects = [...controls.querySelectorAll("select")];
  const count = document.getElementById("count");
  const data = JSON.parse(document.getElementById("data").textContent);
  const said = (value) =>
    value === null ? "" : Number.isInteger(value) ? String(value) : value.toFixed(4);

  const place = (name) => heads.findIndex((head) => head.dataset.name === name);
  const element = (name, text, attributes = {}) => {
    const made = document.createElement(name);
    if (text !== undefined && text !== null) made.textContent = text;
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };

  // ---- sorting: by click or key on a heading; a third time brings the first order back ----------
  const label = (cell) => {
    const button = cell.querySelector("button");
    return (button || cell.firstChild || cell).textContent.trim();
  };
  const numeric = heads.map((head) => head.classList.contains("n"));
  const key = (row, column) => {
    const cell = row.cells[column];
    const found = cell.dataset.v === undefined ? label(cell) : cell.dataset.v;
    if (found === "") return null;
    return numeric[column] ? Number(found.replace("\u2212", "-").replaceAll(",", "")) : found;
  };
  const compare = (a, b) =>
    typeof a === "number" ? a - b : a.localeCompare(b, "en", { numeric: true });
  const sort = (column, direction) => {
    heads.forEach((head, i) =>
      head.setAttribute("aria-sort", i === column ? direction : "none"));
    let order = rows;
    if (direction !== "none") {
      const sign = direction === "ascending" ? 1 : -1;
      const keyed = rows.map((row) => [key(row, column), row]);
      keyed.sort(([a], [b]) => {
        if (a === null || b === null) return (a === null) - (b === null);
        return sign * compare(a, b);
      });
      order = keyed.map(([, row]) => row);
    }
    body.append(...order);
  };
  const turns = { none: "ascending", ascending: "descending", descending: "none" };
  heads.forEach((head, column) => {
    const button = element("button", head.textContent, { type: "button" });
    button.addEventListener("click", () => sort(column, turns[head.getAttribute("aria-sort")]));
    head.replaceChildren(button);
    head.setAttribute("aria-sort", "none");
  });

  // ---- filtering --------------------------------------------------------------------------------
  const texts = rows.map((row) =>
    [...row.cells].map((cell) => cell.textContent).join("\n").toLowerCase());
  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = selects.filter((one) => one.value !== "");
    let shown = 0;
    rows.forEach((row, i) => {
      const fits = words.every((word) => texts[i].includes(word))
        && wanted.every((one) => label(row.cells[place(one.dataset.name)]) === one.value);
      row.hidden = !fits;
      shown += fits;
    });
    count.textContent = shown === rows.length
      ? `${rows.length} rows` : `${shown} of ${rows.length} rows`;
    selects.forEach((one) => one.classList.toggle("used", one.value !== ""));
  };
  const hide = () => {
    for (const box of controls.querySelectorAll("[data-hides]")) {
      table.classList.toggle(box.dataset.hides, !box.checked);
    }
  };
  controls.addEventListener("input", () => { filter(); hide(); });
  controls.addEventListener("submit", (event) => event.preventDefault());
  // A reset shows all rows, also of a page that opens with a choice.
  controls.addEventListener("reset", (event) => {
    event.preventDefault();
    search.value = "";
    selects.forEach((one) => { one.value = ""; });
    controls.querySelectorAll("[data-hides]").forEach((box) => { box.checked = true; });
    sort(-1, "none");
    filter();
    hide();
  });
  document.getElementById("print").addEventListener("click", () => window.print());
  controls.hidden = false;
  filter();

  // ---- what lies behind a cell ------------------------------------------------------------------
  const dialog = document.getElementById("origin");
  // Embedded in the report the page has no folder of its own, so that no link leads anywhere.
  const standalone = location.protocol !== "data:";
  const facts = (pairs) => {
    const list = element("dl");
    pairs.forEach(([name, value]) => list.append(element("dt", name), element("dd", value)));
    return list;
  };
  const address = (record) => {
    const code = element("code");
    // A long path breaks after its slashes.
    record.path.split(/(?<=\/)/).forEach((part) => code.append(part, element("wbr")));
    if (!standalone) return code;
    const href = record.link.split("/").map(encodeURIComponent).join("/");
    const link = element("a", null, { href, target: "_blank" });
    link.append(code);
    return link;
  };
  const records = (found, values, title) => {
    const names = [...new Set(found.flatMap((record) => record.facts.map(([name]) => name)))];
    const made = element("table", null, { class: "records" });
    const header = made.createTHead().insertRow();
    const titles = ["", ...(values ? [title] : []), ...names];
    titles.forEach((one, i) =>
      header.append(element("th", one, { scope: "col", ...(i ? { class: "n" } : {}) })));
    const lines = made.createTBody();
    found.forEach((record, i) => {
      const line = lines.insertRow();
      const name = element("th", record.name, { scope: "row" });
      name.append(element("br"), address(record));
      line.append(name);
      if (values) {
        line.append(element("td", said(values[i]), { class: "n value" }));
      }
      const own = new Map(record.facts);
      names.forEach((name) => line.append(element("td", own.get(name) ?? "", { class: "n" })));
    });
    const frame = element("div", null, { class: "frame" });
    frame.append(made);
    return frame;
  };
  const open = (button) => {
    const row = button.closest("tr");
    const behind = data.rows[row.dataset.i];
    const found = behind.r.map((i) => data.records[i]);
    const column = place(button.dataset.c);
    const title = heads[column].textContent;
    const named = [...row.cells].slice(0, column)
      .filter((cell) => !cell.classList.contains("n") || !cell.querySelector("button"))
      .map(label).filter(Boolean);
    document.getElementById("origin-title").textContent = `${named.join(", ")}: ${title}`;
    const content = document.getElementById("origin-body");
    // All that the cell says, its signs in words.
    const cell = row.cells[column].cloneNode(true);
    cell.querySelectorAll("[aria-hidden]").forEach((sign) => sign.remove());
    const told = element("p", null, { class: "told" });
    told.append(element("strong", button.textContent));
    for (const part of [...cell.children].slice(1)) {
      told.append(element("span", part.textContent.replace(/^, /, "")));
    }
    content.replaceChildren(told, records(found, behind.v[button.dataset.c], title));
    const sections = new Map();
    found.forEach((record) => record.sections.forEach((i) =>
      sections.set(i, [...(sections.get(i) ?? []), record.name])));
    const headings = [...sections.keys()].map((i) => data.sections[i][0]);
    // What all have in common needs no name; what differs says whose it is.
    const order = [...sections.entries()].sort(([a], [b]) =>
      headings.indexOf(data.sections[a][0]) - headings.indexOf(data.sections[b][0]));
    for (const [i, names] of order) {
      const [heading, pairs] = data.sections[i];
      const details = element("details");
      const more = names.length > 2 ? `; ${names.length - 2} more` : "";
      const whose = names.length < found.length ? ` of ${names.slice(0, 2).join("; ")}${more}` : "";
      details.append(element("summary", heading + whose), facts(pairs));
      content.append(details);
    }
    const first = content.querySelector("details");
    if (first) first.open = true;
    dialog.showModal();
    dialog.scrollTop = 0;
  };
  table.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-c]");
    if (button) open(button);
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
})();
