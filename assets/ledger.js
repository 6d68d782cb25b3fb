// Brings the filters of the claims ledger to life. Without this script the whole table is shown.
(function () {
  "use strict";
  for (const ledger of document.querySelectorAll(".claims-ledger")) {
    const form = ledger.querySelector("form");
    const count = ledger.querySelector(".ledger-count");
    const all = count.textContent;
    const rows = [...ledger.querySelectorAll("tbody tr")].map((row) => ({
      row: row,
      text: row.textContent.toLowerCase(),
    }));
    let waiting = 0;

    const filter = function () {
      const values = new FormData(form);
      const words = values.get("words").toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const { row, text } of rows) {
        const keep =
          ["document", "verdict", "chapter"].every(
            (name) => !values.get(name) || row.dataset[name] === values.get(name)
          ) && words.every((word) => text.includes(word));
        row.hidden = !keep;
        shown += keep ? 1 : 0;
      }
      count.textContent =
        shown === rows.length ? all : shown + " of " + rows.length + " claims shown";
    };
    // While someone types, the count is announced once, not for every letter.
    const soon = function () {
      clearTimeout(waiting);
      waiting = setTimeout(filter, 150);
    };

    form.addEventListener("input", soon);
    form.addEventListener("change", soon);
    form.addEventListener("reset", soon);
    form.addEventListener("submit", function (event) {
      event.preventDefault();
      filter();
    });
    form.hidden = false;
    if (form.elements.words.value) filter();
  }
})();
