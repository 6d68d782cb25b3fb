// Brings the selection guide's form to life. Every answer is in the page; nothing is fetched.
// Without this script the rules are shown as tables.
(function () {
  "use strict";
  for (const tool of document.querySelectorAll(".guide-tool")) {
    const form = tool.querySelector("form");
    const line = tool.querySelector(".guide-line");
    const answer = tool.querySelector(".guide-answer");
    const stored = JSON.parse(tool.querySelector('script[type="application/json"]').textContent);

    const show = function () {
      const values = new FormData(form);
      const names = ["architecture", "depth", "normalisation", "data", "budget"];
      const hidden = stored.answers[stored.hidden[names.map((n) => values.get(n)).join("|")]];
      const output = stored.output[values.get("task")];
      line.textContent = hidden.line + " " + output.line;
      answer.innerHTML = hidden.html + output.html;
      link(answer);
    };

    form.addEventListener("change", show);
    form.addEventListener("reset", function () {
      setTimeout(show, 0); // the fields are reset after this event
    });
    form.addEventListener("submit", function (event) {
      event.preventDefault();
    });
    for (const part of [form, line, answer]) part.hidden = false;
    tool.querySelector(".guide-tables").hidden = true;
    show();
  }

  // On the site a claim is a link to the ledger; in a notebook there is no such page.
  function link(where) {
    for (const source of where.querySelectorAll(".guide-source[data-claim]")) {
      const a = document.createElement("a");
      const id = source.dataset.claim.toLowerCase().replaceAll(".", "-");
      a.href = "../reference/ledger.html#ledger-" + id;
      a.append(...source.childNodes);
      source.append(a);
      source.removeAttribute("data-claim");
    }
  }
  link(document);
})();
