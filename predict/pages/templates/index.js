"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const body = document.querySelector("tbody");
  const chips = [...document.querySelectorAll(".chip")];
  const heads = [...document.querySelectorAll("thead th")];
  const FIRST = 5; // the columns before those of the categories
  const number = (cell) => Number(cell.textContent.replace(/\D/g, ""));
  const rows = [...body.rows].map((row) => ({
    row,
    name: row.cells[0].firstChild.textContent,
    flagged: row.querySelector(".mark") !== null,
    numbers: [...row.cells].map((cell, column) => (column ? number(cell) : 0)),
  }));
  const chosen = new Set();

  function apply() {
    const how = byId("how").value, words = byId("find").value.trim().toLowerCase(), flagged = byId("flags").checked;
    const columns = [...chosen].map((label) => FIRST + Number(label));
    let shown = 0;
    for (const { row, name, flagged: mark, numbers } of rows) {
      const states = (column) => numbers[column] > 0;
      const fits = !columns.length || (how === "none" ? !columns.some(states) : columns[how](states));
      row.hidden = !(fits && name.toLowerCase().includes(words) && (mark || !flagged));
      shown += !row.hidden;
    }
    const active = columns.length > 0 || words !== "" || flagged;
    byId("clear").disabled = !active;
    byId("hits").textContent = `${active ? `${shown.toLocaleString("en")} of ` : ""}${rows.length.toLocaleString("en")} policies`;
  }

  function sort(column) {
    const head = heads[column];
    // Numbers start with the greatest, names with the first; the same column again turns the order round.
    const order = head.getAttribute("aria-sort") || (column ? "ascending" : "descending");
    const down = order === "ascending";
    for (const other of heads) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const compare = column
      ? (a, b) => a.numbers[column] - b.numbers[column]
      : (a, b) => a.name.localeCompare(b.name, "en", { numeric: true });
    rows.sort((a, b) => (down ? compare(b, a) : compare(a, b)));
    body.append(...rows.map(({ row }) => row));
  }

  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    button.addEventListener("click", () => sort(column));
    head.append(button);
  });
  for (const chip of chips) {
    chip.disabled = false;
    chip.addEventListener("click", () => {
      const on = chip.getAttribute("aria-pressed") !== "true";
      chip.setAttribute("aria-pressed", String(on));
      if (on) chosen.add(chip.dataset.l); else chosen.delete(chip.dataset.l);
      apply();
    });
  }
  document.querySelector(".tools").hidden = false;
  byId("how").addEventListener("change", apply);
  byId("find").addEventListener("input", apply);
  byId("flags").addEventListener("change", apply);
  byId("clear").addEventListener("click", () => {
    chosen.clear();
    for (const chip of chips) chip.setAttribute("aria-pressed", "false");
    byId("find").value = "";
    byId("flags").checked = false;
    apply();
  });
  apply();
})();
