"use strict";
(() => {
  const source = document.getElementById("error-data");
  if (!source) return;
  const { labels, codes, thresholds, errors } = JSON.parse(source.textContent);
  const STEP = matchMedia("(max-width: 620px)").matches ? 5 : 25; // on phones each takes half a screen
  const byId = (id) => document.getElementById(id);
  const form = byId("filter"), list = byId("cases"), count = byId("count"), more = byId("more");
  const unit = list.dataset.unit;
  const FIELDS = ["category", "kind", "with", "policy", "q"];
  let hits = errors, shown = 0, view = {}, words = "";

  // All text goes in as text nodes: a policy's words are never parsed as markup.
  function make(tag, name, ...children) {
    const node = document.createElement(tag);
    if (name) node.className = name;
    node.append(...children);
    return node;
  }

  function marked(text) {
    if (!words) return [text];
    const parts = [], lower = text.toLowerCase();
    let at = 0;
    if (lower.length !== text.length) return [text];
    for (let found; (found = lower.indexOf(words, at)) >= 0; at = found + words.length) {
      parts.push(text.slice(at, found), make("mark", "", text.slice(found, found + words.length)));
    }
    return [...parts, text.slice(at)];
  }

  function badge(label) {
    const node = make("span", `b l${label}`, codes[label]);
    node.setAttribute("aria-hidden", "true");
    return node;
  }

  // How sure the model was of the gravest of the mistakes that the filters ask for.
  function sure(error) {
    const asked = (names) => (view.label < 0 ? names : names.filter((label) => label === view.label));
    const missed = view.kind === "alarm" ? [] : asked(error.missed);
    const alarms = view.kind === "missed" ? [] : asked(error.alarms);
    return Math.max(...missed.map((label) => 1 - error.scores[label]), ...alarms.map((label) => error.scores[label]));
  }

  const percent = (share) => `${Math.round(100 * share)} %`;

  function given(kind, symbol, word, names, error) {
    const icon = make("span", "", symbol);
    icon.setAttribute("aria-hidden", "true");
    return make("div", kind, make("dt", "", icon, ` ${word}`), ...names.map((label) => make("dd", "", badge(label),
      ` ${labels[label]} `, make("small", "", `score ${error.scores[label].toFixed(2)}`
        + (error.votes ? `, votes ${percent(error.votes[label])}` : "")
        + (error.forced.includes(label) ? ", below its threshold" : "")))));
  }

  function scores(error) {
    const order = [...labels.keys()].sort((a, b) => error.scores[b] - error.scores[a]);
    const heads = ["Category", "Score", "", ...(thresholds ? ["Threshold"] : []), ...(error.votes ? ["Votes"] : [])];
    const rows = order.map((label) => {
      const bar = make("span", "track"), score = error.scores[label], name = make("th", "", badge(label), ` ${labels[label]}`);
      const fill = make("i", "");
      fill.style.width = `${100 * score}%`;
      bar.append(fill);
      const cells = [name, make("td", "n", score.toFixed(2)), make("td", "", bar)];
      if (thresholds) {
        const line = make("b", "");
        line.style.left = `${100 * thresholds[label]}%`;
        bar.append(line);
        cells.push(make("td", "n", thresholds[label].toFixed(2)));
      }
      if (error.votes) cells.push(make("td", "n", error.votes[label] ? percent(error.votes[label]) : "–"));
      name.scope = "row";
      return make("tr", "", ...cells);
    });
    const head = make("tr", "", ...heads.map((text) => {
      const cell = make("th", /Score|Thr|Vot/.test(text) ? "n" : "", text);
      cell.scope = "col";
      return cell;
    }));
    const parts = [make("table", "", make("thead", "", head), make("tbody", "", ...rows))];
    for (const [name, names] of Object.entries(error.annotators || {})) {
      parts.push(make("p", "", `Annotator ${name}: ${names.map((label) => labels[label]).join("; ") || "nothing"}`));
    }
    return parts;
  }

  function card(error) {
    const item = make("li", "case", make("p", "where", make("span", "", error.policy), " ",
      make("span", "", `${unit} ${error.index}`), " ", make("span", "sure", `confidence ${sure(error).toFixed(2)}`)));
    if (error.heading) item.append(make("p", "heading", make("span", "sr", "Under the heading "), ...marked(error.heading)));
    const text = make("p", "text");
    if (error.before) text.append(make("span", "around", error.before), " ");
    text.append(make("b", "it", ...marked(error.text)));
    if (error.after) text.append(" ", make("span", "around", error.after));
    const found = make("dl", "labels");
    if (error.missed.length) found.append(given("missed", "○", "Missed", error.missed, error));
    if (error.alarms.length) found.append(given("alarm", "✕", "False alarm", error.alarms, error));
    if (error.right.length) found.append(given("right", "✓", "Right", error.right, error));
    const all = make("details", "", make("summary", "", error.votes ? "All scores and votes" : "All scores"));
    all.addEventListener("toggle", () => { if (all.children.length === 1) all.append(...scores(error)); });
    item.append(text, found, all);
    return item;
  }

  function extend() {
    const next = hits.slice(shown, shown + STEP);
    list.append(...next.map(card));
    shown += next.length;
    more.hidden = shown >= hits.length;
    more.textContent = `Show ${Math.min(STEP, hits.length - shown)} more`;
    const total = errors.length === 1 ? "1 error" : `${errors.length.toLocaleString("en")} errors`;
    count.textContent = hits.length === errors.length ? `${total}, ${shown} shown`
      : hits.length ? `${hits.length.toLocaleString("en")} of ${total}, ${shown} shown` : `None of ${total} fits. Clear a filter.`;
  }

  const state = () => Object.fromEntries(FIELDS.map((name) => [name, form.elements[name].value.trim()]));

  function apply() {
    const { category, kind, with: other, policy, q } = state();
    const wanted = codes.indexOf(category), beside = codes.indexOf(other);
    view = { label: wanted, kind };
    words = q.toLowerCase();
    const fits = (mine, others) => (wanted < 0 ? mine.length > 0 : mine.includes(wanted))
      && (!other || (other === "none" ? !others.length : others.includes(beside)));
    hits = errors.filter((error) => ((kind !== "alarm" && fits(error.missed, error.alarms))
        || (kind !== "missed" && fits(error.alarms, error.missed)))
      && (!policy || error.policy === policy)
      && (!words || error.text.toLowerCase().includes(words) || (error.heading || "").toLowerCase().includes(words)));
    if (category || kind) hits.sort((a, b) => sure(b) - sure(a));
    list.replaceChildren();
    shown = 0;
    extend();
  }

  // The filters stand in the address, so that a view can be sent on and "back" works.
  function save() {
    const set = Object.entries(state()).filter(([, value]) => value);
    history.replaceState(null, "", set.length ? `#errors?${new URLSearchParams(set)}` : "#errors");
  }

  function load(scroll) {
    if (!location.hash.startsWith("#errors?")) return scroll || apply();
    const wanted = new URLSearchParams(location.hash.slice("#errors?".length));
    for (const name of FIELDS) {
      const field = form.elements[name], value = wanted.get(name) || "";
      field.value = value;
      if (field.value !== value) field.value = "";
    }
    apply();
    byId("errors").scrollIntoView();
    byId("count").focus({ preventScroll: true });
  }

  const policies = new Map();
  for (const error of errors) policies.set(error.policy, (policies.get(error.policy) || 0) + 1);
  for (const [name, number] of [...policies].sort(([a], [b]) => (a < b ? -1 : 1))) {
    form.elements.policy.append(new Option(`${name} (${number})`, name));
  }
  let timer;
  form.addEventListener("input", (event) => {
    clearTimeout(timer);
    timer = setTimeout(() => { apply(); save(); }, event.target.name === "q" ? 150 : 0);
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(() => { apply(); save(); }));
  more.addEventListener("click", () => {
    const before = shown;
    extend();
    // Where the button goes away, the keyboard stays with the list.
    if (more.hidden) list.children[before].querySelector("summary").focus();
  });
  addEventListener("hashchange", () => load(true));
  form.hidden = false;
  load(false);
})();
