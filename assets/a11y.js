// Small repairs to the theme's markup that cannot be made when the book is built.
(() => {
  "use strict";

  // Names that hide the visible words from speech control (WCAG 2.5.3), and a role that browsers have dropped.
  const repair = () => {
    document.querySelectorAll("summary[aria-label], .search-button-field[aria-label]").forEach((e) => e.removeAttribute("aria-label"));
    document.querySelectorAll('[role="doc-biblioentry"]').forEach((e) => e.setAttribute("role", "listitem"));
    document.querySelectorAll(".toggle-button:not([aria-label])").forEach((e) => e.textContent.trim() || e.setAttribute("aria-label", "Show or hide"));
  };

  // What scrolls sideways inside its own box must be reachable by keyboard (WCAG 2.1.1), and only then be a tab stop.
  const boxes = ".katex-display, .table-box, div.cell_output, div.cell_output pre, div.highlight pre, .cell_output .output";
  const reach = () => {
    document.querySelectorAll(boxes).forEach((e) => {
      if (e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0) e.tabIndex = 0;
      else if (e.tabIndex === 0) e.removeAttribute("tabindex");
    });
  };

  // Wide tables scroll in a box of their own, so that the page never does.
  document.querySelectorAll("article table").forEach((table) => {
    if (table.closest(".table-box, .cell_output, .pst-scrollable-table-container")) return;
    const box = document.createElement("div");
    box.className = "table-box";
    table.replaceWith(box);
    box.append(table);
  });

  // The sidebar holds the logo and the search button: a landmark, so that nothing stands outside of one.
  const bar = document.getElementById("pst-primary-sidebar");
  if (bar && !bar.hasAttribute("role")) {
    bar.setAttribute("role", "complementary");
    bar.setAttribute("aria-label", "Book");
  }

  repair();
  reach();
  addEventListener("load", () => { repair(); reach(); });
  addEventListener("resize", reach);
  addEventListener("toggle", reach, true);
})();
