"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const byId = (id) => document.getElementById(id);
  const sentences = all(".s");
  const chips = all(".chip");
  const texts = new Map(sentences.map((sentence) =>
    [sentence, [...sentence.childNodes].map((node) => (node.className?.startsWith("b ") ? "" : node.textContent)).join("").toLowerCase()]));
  const blocks = all(".text > *, .text li, .cells > div");
  const chosen = new Set();
  let words = "", picked = null, hits = sentences, current = -1;

  function apply() {
    const active = chosen.size > 0 || words !== "" || picked !== null;
    hits = sentences.filter((sentence) => (!picked || picked.has(sentence.id)) && (!chosen.size || sentence.dataset.l.split(" ").some((label) => chosen.has(label)))
      && (!words || texts.get(sentence).includes(words)));
    const kept = new Set(hits);
    for (const sentence of sentences) sentence.classList.toggle("dim", !kept.has(sentence));
    for (const block of blocks) block.classList.toggle("off", active && !block.querySelector(".s:not(.dim)"));
    byId("next").disabled = byId("previous").disabled = !active || !hits.length;
    byId("clear").disabled = !active;
    byId("hits").textContent = active ? `${hits.length} of ${sentences.length} sentences` : "";
    current = -1;
  }

  function clear() {
    chosen.clear();
    for (const chip of chips) chip.setAttribute("aria-pressed", "false");
    words = byId("find").value = "";
    picked = null;
    apply();
  }

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
  byId("clear").addEventListener("click", clear);
  byId("find").addEventListener("input", (event) => { words = event.target.value.trim().toLowerCase(); apply(); });
  byId("only").addEventListener("change", (event) => document.body.classList.toggle("only", event.target.checked));

  // One stop for the Tab key in the whole text; j and k go on from there, among the matches if there is a filter.
  let stop = sentences[0];
  for (const sentence of sentences) sentence.tabIndex = sentence === stop ? 0 : -1;
  function show(sentence) {
    sentence.focus({ preventScroll: true });
    sentence.scrollIntoView({ block: "center" });
  }
  function go(step) {
    if (!hits.length) return;
    current = current < 0 ? (step > 0 ? 0 : hits.length - 1) : (current + step + hits.length) % hits.length;
    show(hits[current]);
  }
  byId("next").addEventListener("click", () => go(1));
  byId("previous").addEventListener("click", () => go(-1));
  document.addEventListener("keydown", (event) => {
    const step = { j: 1, k: -1 }[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey || !event.target.closest(".s")) return;
    current = hits.indexOf(event.target);
    go(step);
  });

  // A number on the fact sheet picks its sentences; without this script it leads to the first. On paper it is open.
  for (const link of all("[data-s]")) {
    link.addEventListener("click", () => {
      clear();
      picked = new Set(link.dataset.s.trim().split(" "));
      apply();
      current = 0;
    });
  }
  addEventListener("beforeprint", () => { for (const sheet of all(".facts")) sheet.open = true; });

  // A title shows on hover only: keyboard and touch get the same text in a bar.
  const bar = byId("scores");
  document.addEventListener("focusin", (event) => {
    const sentence = event.target.closest(".s");
    bar.hidden = !sentence || !sentence.title;
    bar.textContent = sentence ? sentence.title : "";
    if (!sentence) return;
    stop.tabIndex = -1;
    stop = sentence;
    stop.tabIndex = 0;
  });
  document.addEventListener("focusout", () => { bar.hidden = true; });

  // A link into a filtered page must not lead to something hidden.
  addEventListener("hashchange", () => {
    const target = byId(location.hash.slice(1));
    if (target && target.closest(".dim, .off")) clear();
    if (target) target.scrollIntoView({ block: target.matches(".s") ? "center" : "start" });
  });
})();
