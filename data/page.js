"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const byId = (id) => document.getElementById(id);
  const sentences = all(".s");
  const chips = all(".chip");
  const chosen = new Set();
  let current = -1;

  const matches = (sentence) => sentence.dataset.l.split(" ").some((label) => chosen.has(label));

  function apply() {
    const active = chosen.size > 0;
    let hits = 0;
    for (const sentence of sentences) {
      const hit = !active || matches(sentence);
      hits += hit;
      sentence.classList.toggle("dim", !hit);
    }
    for (const block of all(".text > *, .text li, .cells > div")) {
      block.classList.toggle("off", active && !block.querySelector(".s:not(.dim)"));
    }
    byId("next").disabled = byId("clear").disabled = !active;
    byId("hits").textContent = active ? `${hits} of ${sentences.length} sentences` : "";
    current = -1;
  }

  for (const chip of chips) {
    chip.addEventListener("click", () => {
      const on = chip.getAttribute("aria-pressed") !== "true";
      chip.setAttribute("aria-pressed", String(on));
      if (on) chosen.add(chip.dataset.l); else chosen.delete(chip.dataset.l);
      apply();
    });
  }
  byId("clear").addEventListener("click", () => {
    chosen.clear();
    for (const chip of chips) chip.setAttribute("aria-pressed", "false");
    apply();
  });
  byId("only").addEventListener("change", (event) => document.body.classList.toggle("only", event.target.checked));
  byId("next").addEventListener("click", () => {
    const hits = sentences.filter((sentence) => !sentence.classList.contains("dim"));
    if (!hits.length) return;
    current = (current + 1) % hits.length;
    hits[current].focus({ preventScroll: true });
    hits[current].scrollIntoView({ block: "center" });
  });

  // A title shows on hover only: keyboard and touch get the same text in a bar.
  const bar = byId("scores");
  document.addEventListener("focusin", (event) => {
    const sentence = event.target.closest(".s");
    bar.hidden = !sentence || !sentence.title;
    bar.textContent = sentence ? sentence.title : "";
  });
  document.addEventListener("focusout", () => { bar.hidden = true; });

  // A link into a filtered page must not lead to something hidden.
  addEventListener("hashchange", () => {
    const target = byId(location.hash.slice(1));
    if (target && target.closest(".dim, .off")) byId("clear").click();
    if (target) target.scrollIntoView({ block: "center" });
  });
})();
