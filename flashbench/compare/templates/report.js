"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const one = (selector) => document.querySelector(selector);

  // Theme: as the system has it until the button is used.
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const theme = () => document.documentElement.dataset.theme || (dark.matches ? "dark" : "light");
  const name = () => { one("#theme").textContent = theme() === "dark" ? "Light" : "Dark"; };
  one("#theme").addEventListener("click", () => {
    document.documentElement.dataset.theme = theme() === "dark" ? "light" : "dark";
    name();
  });
  dark.addEventListener("change", name);
  name();

  // Tables: a click on a head sorts by that column, numbers as numbers, what is not defined last.
  const value = (row, column) => {
    const cell = row.cells[column];
    if (!cell) return null;
    const text = cell.dataset.sort ?? cell.textContent.trim();
    const number = /^[≥<]?\s*[×]?[-−+]?[\d.,]+(e[-+]?\d+)?/i.exec(text);
    if (text === "" || text === "–") return null;
    return number ? parseFloat(number[0].replace(/[≥<×,\s+]/g, "").replace("−", "-")) : text;
  };
  const order = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b)));
  all("table.sortable thead th").forEach((head) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const table = head.closest("table"), body = table.tBodies[0], column = head.cellIndex;
      const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      all("thead th", table).forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
      const rows = [...body.rows].map((row) => [value(row, column), row]);
      rows.sort(([a], [b]) => (a === null) - (b === null) || (a === null ? 0 : sign * order(a, b)));
      body.append(...rows.map(([, row]) => row));
    });
  });

  // Figures: words and choices hide those that do not match, and sections that are left without any.
  const figures = all("figure"), words = one("#words"), counts = one("#shown");
  const chosen = all("select[data-key]");
  const filter = () => {
    const tokens = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    figures.forEach((figure) => {
      const text = figure.dataset.text.toLowerCase();
      const fits = tokens.every((token) => text.includes(token))
        && chosen.every((select) => !select.value || figure.dataset[select.dataset.key] === select.value);
      figure.hidden = !fits;
      shown += fits;
    });
    const filtered = shown < figures.length;
    document.body.classList.toggle("filtered", filtered);
    all("section.gallery").forEach((section) => {
      section.classList.toggle("bare", filtered && !section.querySelector("figure:not([hidden])"));
    });
    counts.textContent = `${shown} of ${figures.length} figures`;
  };
  words.addEventListener("input", filter);
  chosen.forEach((select) => select.addEventListener("change", filter));
  one("#clear").addEventListener("click", () => {
    words.value = "";
    chosen.forEach((select) => { select.value = ""; });
    filter();
  });
  filter();
  const reveal = () => { // an anchor of a hidden figure clears the filter
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target && target.hidden) one("#clear").click();
    if (target) target.scrollIntoView();
  };
  window.addEventListener("hashchange", reveal);

  // Zoom: a figure over the page, with those beside it.
  const zoom = one("#zoom"), picture = one("#zoom img"), caption = one("#zoom p");
  let at = 0;
  const visible = () => figures.filter((figure) => !figure.hidden);
  const show = (figure) => {
    at = visible().indexOf(figure);
    const image = figure.querySelector("img");
    picture.src = image.src;
    picture.alt = image.alt;
    caption.textContent = figure.querySelector("figcaption span").textContent;
    if (!zoom.open) zoom.showModal();
  };
  const step = (by) => { const list = visible(); show(list[(at + by + list.length) % list.length]); };
  figures.forEach((figure) => figure.querySelector("button.open").addEventListener("click", () => show(figure)));
  one("#next").addEventListener("click", () => step(1));
  one("#previous").addEventListener("click", () => step(-1));
  one("#close").addEventListener("click", () => zoom.close());
  zoom.addEventListener("click", (event) => { if (event.target === zoom) zoom.close(); });
  zoom.addEventListener("keydown", (event) => {
    if (event.key === "ArrowRight") step(1);
    if (event.key === "ArrowLeft") step(-1);
  });

  // Print: everything open.
  window.addEventListener("beforeprint", () => all("details").forEach((each) => { each.open = true; }));
})();
