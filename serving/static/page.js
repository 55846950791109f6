// The page at `/`: sends a policy to `predict` and shows the answer. Everything that comes from a document or from the
// server goes in as text nodes; nothing is ever parsed as markup, and nothing is kept when the page is closed.
"use strict";
(() => {
  // For each category: its code, what it is about, and what is lacking where no sentence has it (null: nothing is).
  // The order is that of the colours l0 to l11 in page.css.
  const ABOUT = {
    "First Party Collection/Use": ["1st", "What they collect about you, how, and what for",
      "what they collect about you, and what for"],
    "Third Party Sharing/Collection": ["3rd", "Who else gets or collects your data",
      "whether others get your data"],
    "User Choice/Control": ["Opt", "What you can choose: consent, opt-outs, settings",
      "choices you have, such as opting out"],
    "User Access, Edit and Deletion": ["Acc", "Seeing, correcting or deleting your data",
      "how to see, correct or delete your data"],
    "Data Retention": ["Ret", "How long your data is kept",
      "how long your data is kept (no retention period)"],
    "Data Security": ["Sec", "How your data is protected",
      "how your data is protected (no security measures)"],
    "Policy Change": ["Chg", "How you learn of changes to the policy",
      "how you would learn of changes to the policy"],
    "Do Not Track": ["DNT", "Whether a browser's Do Not Track signal is heeded",
      "whether your browser's Do Not Track signal is heeded"],
    "International and Specific Audiences": ["Aud", "Children, Europeans, Californians and other groups",
      "particular groups, such as children, or people in Europe or California"],
    "Introductory/Generic": ["Gen", "Introductions, definitions, general statements", null],
    "Privacy contact information": ["Con", "Whom to ask about privacy", "whom to ask about privacy"],
    "Practice not covered": ["N/C", "Practices that no other category covers", null],
  };
  // The attributes in the order of the table's columns, each with the categories (by code) whose sentences can have it.
  const ATTRIBUTES = {
    "Does/Does Not": "1st 3rd",
    "Personal Information Type": "1st 3rd Opt Ret",
    "Purpose": "1st 3rd Opt Ret",
    "Third Party Entity": "3rd",
    "Choice Type": "Opt 1st 3rd",
    "Access Type": "Acc",
    "Retention Period": "Ret",
    "Security Measure": "Sec",
    "Audience Type": "Aud",
    "Notification Type": "Chg",
    "Do Not Track policy": "DNT",
  };
  const FLAGS = {
    not_english: "This does not look like English; the marks mean little.",
    embedded_unread: "A document embedded in this Word file cannot be read; what it says is missing.",
    partly_scanned: "Some pages are pictures without a text layer; what they say is missing.",
    not_a_document: "This looks like an error page or a check for robots, and not like a document.",
    too_little_text: "This page has next to no text; a script may load it.",
    text_set_aside: "Text that speaks of data was left out, because it looks like no part of the document.",
    not_privacy_policy: "This does not look like a privacy policy; the marks mean little.",
  };
  const TYPES = {
    txt: "text/plain", md: "text/markdown", markdown: "text/markdown", html: "text/html", htm: "text/html",
    xhtml: "text/html", pdf: "application/pdf",
    docx: "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
  };
  const KINDS = "PDF, Word (.docx), HTML, Markdown or plain text";
  const NONE = -1; // in place of a label's index: sentences without a category
  const WORDS_A_MINUTE = 238;

  const byId = (id) => document.getElementById(id);
  const percent = (share) => `${Math.round(100 * share)}\u00a0%`;
  const count = (number, one, many) => `${number.toLocaleString("en")} ${number === 1 ? one : many}`;

  function make(tag, attributes, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    node.append(...children);
    return node;
  }

  // What the model is: filled by `info`, and by the first answer where that was not to be had.
  let labels = Object.keys(ABOUT), own = {}, leastOwn = null, limits = {}, informed = false;
  // What is shown: `items` are the sentences in order, each with its row, its node and `marks`, the labels it has now.
  let items = [], blocks = [], text = "", policy = "policy", offset = 0, least = false;
  // How it is looked at: `chosen` labels, words to find, the sentence in focus order (`stop`), where Esc returns to.
  const chosen = new Set();
  // `picked`: the indices of a fact's sentences.
  let words = "", picked = null, hits = [], stop = null, origin = null, trail = null;

  const known = (label) => Object.keys(ABOUT).indexOf(labels[label]);
  const hue = (label) => (label === NONE ? "" : `l${known(label) < 0 ? label % 12 : known(label)}`);
  const nameOf = (label) => (label === NONE ? "no category" : labels[label]);
  const codeOf = (label) => (label === NONE ? "–" : ABOUT[labels[label]]?.[0] ?? labels[label].slice(0, 3));
  const aboutOf = (label) => ABOUT[labels[label]]?.[1] ?? "";
  const lackOf = (label) => (labels[label] in ABOUT ? ABOUT[labels[label]][2] : labels[label]);
  const scoreOf = (item, label) => item.row.scores?.[labels[label]] ?? 0;
  const limitOf = (label) => Math.min(0.99, Math.max(0.01, (own[labels[label]] ?? 0.5) + offset / 100));
  const carries = (item, label) => (label === NONE ? !item.marks.length : item.marks.includes(label));
  const carriers = (label) => items.filter((item) => carries(item, label));

  function badge(label, spoken = false) {
    const attributes = spoken ? { role: "img", "aria-label": nameOf(label) } : { "aria-hidden": "true" };
    return make("span", { class: `b ${hue(label)}`, ...attributes }, codeOf(label));
  }

  // A name whose lines may break after a slash, and not within its words.
  const breakable = (name) => name.split(/(?<=\/)/).flatMap((part, place) => (place ? [make("wbr", {}), part] : [part]));

  // A link to a sentence; with a `label`, j and k go on from there among that category's sentences.
  function jump(item, line, label = null) {
    const button = make("button", { type: "button", class: "link" }, line);
    button.addEventListener("click", () => {
      go(item, button);
      trail = label;
    });
    return button;
  }

  function shorten(line, width) {
    if (line.length <= width) return line;
    const head = line.slice(0, width - 1), cut = head.lastIndexOf(" ");
    return `${(cut > width / 2 ? head.slice(0, cut) : head).replace(/[ ,;:]+$/, "")}…`;
  }

  // ---- asking the server -------------------------------------------------------------------------------------------

  let controller = null, again = null, clock = 0;

  async function ask(body, type, name) {
    controller?.abort();
    const mine = new AbortController();
    controller = mine;
    again = () => ask(body, type, name);
    fail("");
    busy(`Reading ${name || "the text"} …`);
    try {
      if (!informed) await info(); // it was not reached before, or asked for the key
      const headers = { "Content-Type": type, Accept: "application/json", ...secret() };
      const response = await fetch("predict?facts=page", { method: "POST", headers, body, signal: mine.signal, cache: "no-store" });
      const answer = await response.json().catch(() => null);
      if (mine !== controller) return;
      if (!response.ok) refuse(response, answer?.error ?? {});
      else if (Array.isArray(answer?.sentences)) show(answer, name);
      else fail("The server's answer could not be read. Is something between it and this page?");
    } catch (error) {
      if (mine !== controller) return;
      if (error.name === "AbortError") busy("", "Cancelled.");
      else if (/^Not(Readable|Found)/.test(error.name)) fail(`${name} could not be read: choose it again.`);
      else fail("No answer: the server is not running, or this device is offline. Your text is still here.", 0);
    } finally {
      if (mine === controller) {
        controller = null;
        busy("", byId("status").dataset.after);
      }
    }
  }

  function busy(line, after = "") {
    byId("status").textContent = line || after;
    byId("status").dataset.after = after;
    byId("status").classList.toggle("busy", Boolean(line));
    byId("cancel").hidden = !line;
    byId("read").disabled = Boolean(line);
    byId("main").setAttribute("aria-busy", String(Boolean(line)));
  }

  // One line that says what to do; `seconds`, if it makes sense to try again, is how long to wait with that.
  function fail(line, seconds = null) {
    clearInterval(clock);
    byId("failure").hidden = !line;
    byId("failure-line").textContent = line;
    if (line) byId("failure").scrollIntoView({ block: "nearest" });
    const retry = byId("retry");
    retry.hidden = seconds === null;
    const tick = () => {
      retry.disabled = seconds > 0;
      retry.textContent = seconds > 0 ? `Try again (${seconds} s)` : "Try again";
      if (seconds-- <= 0) clearInterval(clock);
    };
    if (seconds !== null) {
      clock = setInterval(tick, 1000);
      tick();
    }
  }

  function refuse(response, error) {
    const line = String(error.message ?? "");
    const said = line && ` ${line[0].toUpperCase()}${line.slice(1)}${/[.!?]$/.test(line) ? "" : "."}`;
    const wait = Math.min(600, Math.max(1, Math.ceil(Number(response.headers.get("Retry-After"))) || 1));
    const number = error.request_id ? ` (request ${error.request_id})` : "";
    switch (response.status) {
      case 401: case 403:
        byId("secret").hidden = byId("input").hidden = false;
        byId("key").focus();
        return fail(byId("key").value ? "That is not this server's key."
          : "This server asks for a key: enter it, then try again.", 0);
      case 413: return fail(`Too large for this server.${said || ` ${largest()}`}`);
      case 415: return fail(`This kind of file cannot be read: give ${KINDS}.`);
      case 429: return fail(`The server is busy. Try again in ${count(wait, "second", "seconds")}.`, wait);
      case 503: return fail("The server is starting or stopping. Try again in a moment.", wait);
      case 504: return fail("The server took too long over this. Try again, or give a shorter text.", 0);
      default:
        if (response.status < 500) return fail(`The server could not take this.${said || ` It said ${response.status}.`}`);
        return fail(`The server failed over this${number}. Try again; if it fails again, tell whoever runs it.`, 0);
    }
  }

  function largest() {
    if (!limits.max_body_bytes) return "";
    return `At most ${(limits.max_body_bytes / 1e6).toLocaleString("en", { maximumFractionDigits: 1 })} MB are taken.`;
  }

  function askText() {
    const given = byId("paste").value;
    if (!given.trim()) {
      fail("There is no text yet: paste a policy, or choose a file.");
      byId("paste").focus();
    } else if (limits.max_characters < given.length && limits.max_characters < [...given].length) {
      fail(`Too long for this server: at most ${count(limits.max_characters, "character is", "characters are")} taken.`);
    } else ask(JSON.stringify({ text: given.toWellFormed?.() ?? given }), "application/json", "");
  }

  function askFile(file, others = 0) {
    const type = TYPES[file.name.toLowerCase().split(".").pop()]
      ?? Object.values(TYPES).find((kind) => kind === file.type.split(";")[0]);
    if (!type) fail(`${file.name}: this kind of file cannot be read. Give ${KINDS}.`);
    else if (!file.size) fail(`${file.name} is empty.`);
    else if (limits.max_body_bytes && file.size > limits.max_body_bytes) fail(`${file.name} is too large for this server. ${largest()}`);
    else ask(file, type, others ? `${file.name} (the first of ${others + 1})` : file.name);
  }

  function secret() {
    return byId("key").value ? { Authorization: `Bearer ${byId("key").value}` } : {};
  }

  async function info() {
    const response = await fetch("info", { headers: secret(), cache: "no-store" }).catch(() => null);
    const answer = response?.ok ? await response.json().catch(() => null) : null;
    if (!answer) return;
    describe(answer);
    limits = answer.limits ?? {};
    byId("largest").textContent = largest();
    informed = true;
  }

  function describe(source) {
    if (Array.isArray(source.labels) && source.labels.every((label) => typeof label === "string")) labels = source.labels;
    const settings = source.thresholds ? source : source.model ?? {};
    if (typeof settings.thresholds === "object") own = settings.thresholds;
    leastOwn = settings.min_labels ?? leastOwn;
  }

  // ---- showing the answer ------------------------------------------------------------------------------------------

  function show(answer, name) {
    describe(answer.model ?? {});
    const rows = answer.sentences, scored = rows.find((row) => row.scores);
    if (scored && Object.keys(scored.scores).some((label) => !labels.includes(label))) labels = Object.keys(scored.scores);
    text = answer.text ?? rows.map((row) => row.text).join("\n\n");
    policy = name.replace(/ \(the first of \d+\)$/, "").replace(/\.[^.]+$/, "") || "policy";
    items = rows.map((row) => ({ row, own: marksOf(row), marks: [], node: null, dim: false }));
    // A label below its threshold is there because the model gives each sentence at least one.
    leastOwn ??= Number(items.length > 0 && items.every((item) => item.own.length));
    offset = 0;
    least = leastOwn > 0;
    byId("offset").value = 0;
    byId("offset").disabled = byId("least").disabled = !scored || !Object.keys(own).length;
    chosen.clear();
    words = byId("find").value = "";
    picked = stop = origin = trail = null;
    byId("only").checked = false;
    byId("text").classList.remove("only");
    lay();
    legend();
    byId("facts").replaceChildren(...(answer.facts ? [sheet(answer.facts)] : []));
    decide();

    byId("name").textContent = name || "The pasted text";
    const amount = (text.match(/\S*[\p{L}\p{N}_]\S*/gu) ?? []).length;
    const minutes = Math.max(1, Math.round(amount / WORDS_A_MINUTE));
    const model = answer.model?.name ? ` Read by the model ${answer.model.name}.` : "";
    byId("extent").textContent = `${count(items.length, "sentence", "sentences")}, ${count(amount, "word", "words")}, `
      + `${count(minutes, "minute", "minutes")} to read.${model}`;
    const flags = new Set([...(answer.flags ?? []), ...rows.flatMap((row) => row.flags ?? [])]);
    byId("flags").replaceChildren(...[...flags].map((flag) => make("p", { class: "flag" }, FLAGS[flag] ?? flag)));

    byId("result").hidden = byId("legend").hidden = byId("details").hidden = byId("another").hidden = false;
    byId("input").hidden = true;
    document.body.classList.add("read");
    byId("tune").open = byId("save").open = matchMedia("(min-width: 761px)").matches;
    detail(null);
    busy("", items.length ? "" : "There is no sentence in it.");
    scrollTo(0, 0);
    byId("name").focus({ preventScroll: true });
  }

  function byScore(row, marks) {
    const score = (label) => row.scores?.[labels[label]] ?? 0;
    return marks.sort((a, b) => score(b) - score(a) || a - b);
  }

  function marksOf(row) {
    return byScore(row, (row.labels ?? []).map((label) => labels.indexOf(label)).filter((label) => label >= 0));
  }

  // The text block by block, sentences in their places. Blocks are parted by empty lines, which no sentence crosses.
  function lay() {
    const headings = new Set(items.map((item) => item.row.heading?.trim()));
    const unit = unitsOf(text);
    const fragment = document.createDocumentFragment();
    let nodes = [], held = [], at = 0;
    blocks = [];
    const close = () => {
      if (!nodes.length) return;
      const line = held.map((item) => item.row.text.trim()).join(" ");
      const node = make(held.length && headings.has(line) ? "h3" : "p", {}, ...nodes);
      fragment.append(node);
      blocks.push({ node, items: held });
      [nodes, held] = [[], []];
    };
    const between = (gap) => gap.split(/\n{2,}/).forEach((piece, number) => {
      if (number) close();
      if (nodes.length || piece.trim()) nodes.push(piece);
    });
    items.forEach((item, number) => {
      const { start, end } = item.row;
      const placed = Number.isInteger(start) && Number.isInteger(end);
      if (placed) between(text.slice(at, unit(start))); else close();
      item.number = number;
      item.node = make("span", { class: "s", tabindex: number ? "-1" : "0", "data-i": number },
        ...(placed ? linked(item.row, unit) : [item.row.text]));
      nodes.push(item.node);
      held.push(item);
      if (placed) at = Math.max(at, unit(end));
    });
    if (!items.length || Number.isInteger(items[0].row.start)) between(text.slice(at));
    close();
    stop = items[0] ?? null;
    byId("text").replaceChildren(fragment);
  }

  // The words of a sentence with its links; relative ones would lead nowhere from here.
  function linked(row, unit) {
    const nodes = [];
    let at = unit(row.start);
    for (const { start, end, href } of row.links ?? []) {
      if (!/^(?:https?:\/\/|mailto:|tel:)/i.test(href)) continue;
      const words = text.slice(unit(start), unit(end));
      nodes.push(text.slice(at, unit(start)), make("a", { href, rel: "noopener nofollow noreferrer" }, words));
      at = unit(end);
    }
    return [...nodes, text.slice(at, unit(row.end))];
  }

  // Offsets count characters; JavaScript counts UTF-16 units, of which characters such as emoji have two.
  function unitsOf(string) {
    if (!/[\ud800-\udbff]/.test(string)) return (position) => position;
    const units = [0];
    for (const character of string) units.push(units.at(-1) + character.length);
    return (position) => units[Math.min(position, units.length - 1)];
  }

  // The rule of the model itself: labels that reach their threshold, else, if there must be one, the one nearest to it.
  function decide() {
    const unchanged = !offset && least === leastOwn > 0;
    const edges = labels.map((_, label) => limitOf(label));
    for (const item of items) {
      let marks = item.own;
      if (!unchanged) {
        marks = edges.map((_, label) => label).filter((label) => scoreOf(item, label) >= edges[label]);
        if (!marks.length && least) {
          const margins = edges.map((edge, label) => scoreOf(item, label) - edge);
          marks = [margins.indexOf(Math.max(...margins))];
        }
        byScore(item.row, marks);
      }
      if (marks.join() !== item.marks.join()) {
        for (const old of item.node.querySelectorAll(".b")) old.remove();
        item.node.append(...marks.map((label) => badge(label, true)));
      }
      item.marks = marks;
    }
    tally();
    apply();
    byId("least").checked = least;
    byId("reset").disabled = unchanged;
    if (byId("facts-own")) byId("facts-own").hidden = unchanged;
    const way = offset ? `${count(Math.abs(offset), "point", "points")} ${offset > 0 ? "above" : "below"} ` : "";
    const range = `${percent(Math.min(...edges))} to ${percent(Math.max(...edges))}`;
    byId("offset-means").textContent = byId("offset").disabled ? "There are no scores or no thresholds to decide by."
      : way ? `Thresholds ${way}the model's own: ${range}.` : `The model's own thresholds: ${range}, one for each category.`;
    byId("offset").setAttribute("aria-valuetext", `${way}the model's own thresholds`);
    byId("save-means").textContent = unchanged ? "All sentences, with labels and scores."
      : "All sentences, with labels by the thresholds set above.";
  }

  let chips = [];

  function legend() {
    chips = [...labels.keys(), NONE].map((label) => {
      const number = make("span", { class: "n" });
      const button = make("button", { type: "button", class: `chip ${hue(label)}`, "aria-pressed": "false" },
        badge(label), make("span", { class: "name" }, ...breakable(nameOf(label))), number);
      const step = (symbol, word, by) => {
        const arrow = make("button", { type: "button", class: "step", "aria-label": `${word}: ${nameOf(label)}` }, symbol);
        arrow.addEventListener("click", () => walk(by, arrow, carriers(label), label));
        return arrow;
      };
      const arrows = [step("↑", "Previous", -1), step("↓", "Next", 1)];
      button.addEventListener("click", () => {
        if (!chosen.delete(label)) chosen.add(label);
        apply();
        button.scrollIntoView({ block: "nearest", inline: "nearest" }); // with its name it is wider on a phone
      });
      return { label, button, number, arrows, row: make("div", { class: "line" }, button, ...arrows) };
    });
    byId("chips").replaceChildren(...chips.map((chip) => chip.row));
  }

  function tally() {
    for (const chip of chips) {
      const number = carriers(chip.label).length;
      chip.number.textContent = number.toLocaleString("en");
      chip.button.classList.toggle("empty", !number);
      chip.row.hidden = chip.label === NONE && !number;
      if (chip.row.hidden) chosen.delete(NONE);
      for (const arrow of chip.arrows) arrow.disabled = !number;
    }
    const rows = [], lacking = [];
    labels.forEach((_, label) => {
      const found = carriers(label);
      if (found.length) {
        const best = strongest(found, label);
        rows.push(make("li", {}, badge(label), ` ${nameOf(label)} `,
          make("span", { class: "n" }, found.length.toLocaleString("en")),
          make("small", {}, aboutOf(label)), jump(best, shorten(best.row.text, 170), label)));
      } else if (lackOf(label)) {
        const near = strongest(items, label);
        const entry = make("li", {}, badge(label), ` ${lackOf(label)}`);
        if (near && scoreOf(near, label) >= 0.02) {
          entry.append(make("small", {}, `likeliest, at ${percent(scoreOf(near, label))}: `,
            jump(near, shorten(near.row.text, 110))));
        }
        lacking.push(entry);
      }
    });
    byId("practices").replaceChildren(...rows);
    byId("missing").replaceChildren(...lacking);
    byId("missing-lead").textContent = lacking.length
      ? "No sentence was found that says the following. A model can miss one: the likeliest candidate is there to check."
      : "Nothing: each of the practices is mentioned in at least one sentence.";
  }

  // Of headings a category's strongest sentence is one only where there is no other.
  function strongest(among, label) {
    const rank = (item) => scoreOf(item, label) - (item.node.parentNode.tagName === "H3" ? 2 : 0);
    return among.reduce((best, item) => (best && rank(best) >= rank(item) ? best : item), null);
  }

  function apply() {
    const active = chosen.size > 0 || words !== "" || picked !== null;
    hits = items.filter((item) => (!picked || picked.has(item.row.index)) && (!chosen.size || [...chosen].some((label) => carries(item, label)))
      && (!words || item.row.text.toLowerCase().includes(words)));
    const kept = new Set(hits);
    for (const item of items) {
      // Among several categories, the one that is asked for gives the colour.
      const lead = item.marks.find((label) => chosen.has(label)) ?? item.marks[0] ?? NONE;
      const name = `s${lead === NONE ? "" : ` ${hue(lead)}`}${kept.has(item) ? "" : " dim"}`;
      if (item.node.className !== name) item.node.className = name;
    }
    for (const block of blocks) block.node.classList.toggle("off", active && !block.items.some((item) => kept.has(item)));
    for (const chip of chips) chip.button.setAttribute("aria-pressed", String(chosen.has(chip.label)));
    byId("next").disabled = byId("previous").disabled = !active || !hits.length;
    byId("clear").disabled = !active;
    byId("hits").textContent = active ? `${hits.length} of ${count(items.length, "sentence", "sentences")}` : "";
    trail = null;
    if (pinned()) detail(pinned());
  }

  function clear() {
    chosen.clear();
    words = byId("find").value = "";
    picked = null;
    apply();
  }

  // ---- the fact sheet, as in facts.html ----------------------------------------------------------------------------

  // A number that leads to its sentences.
  function leads({ sign, sentences }, line = `${sign}${sentences.length}`) {
    const title = `${sentences.length === 1 ? "sentence" : "sentences"} ${sentences.join(", ")}`;
    const link = make("a", { href: "#text", title }, line);
    link.addEventListener("click", (event) => {
      event.preventDefault();
      clear();
      picked = new Set(sentences);
      apply();
      go(items.find((item) => item.row.index === sentences[0]), link);
    });
    return link;
  }

  const notFound = (line, what = "") => make("span", {}, make("b", {}, `Not found${what && `, ${what}`}${line ? ":" : ""}`), ` ${line}`);

  function matrix({ title, purposes, rows, missing }) {
    const table = make("table", { class: "matrix" }, make("caption", {}, title));
    if (rows.length) {
      const heads = purposes.map((purpose) => make("th", { scope: "col" }, make("span", {}, purpose)));
      table.append(make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "Data"), ...heads)),
        make("tbody", {}, ...rows.map(({ name, cells }) => make("tr", {}, make("th", { scope: "row" }, name),
          ...cells.map((cell) => make("td", {}, ...(cell ? [leads(cell)] : [])))))));
    }
    const lacking = missing.flatMap(([what, names]) => [notFound(names, what), ". "]);
    return [make("div", { class: "wide", role: "region", "aria-label": title, tabindex: "0" }, table),
      make("p", { class: "none" }, ...lacking)];
  }

  function listing({ title, items: entries, more, more_says: says, missing, brief }) {
    const node = make("div", brief ? { class: "brief" } : {}, make("h4", {}, title));
    if (entries.length) {
      node.append(make("ul", {}, ...entries.map(({ name, cell, quote, addresses }) => make("li", {}, leads(cell),
        ...(name ? [" ", make("b", {}, name)] : []), ...(quote ? [" ", make("q", {}, quote)] : []),
        ...addresses.filter(({ href }) => /^(?:https?:\/\/|mailto:|tel:)/i.test(href)).flatMap(({ href }) =>
          [" ", make("a", { class: "address", href, rel: "noopener nofollow noreferrer" }, href.replace(/^mailto:/, ""))])))));
    }
    if (more.length) {
      const numbers = more.flatMap((number, place) => [place ? ", " : " ", leads({ sign: "", sentences: [number] }, String(number))]);
      node.append(make("p", { class: "none" }, `${says[0].toUpperCase()}${says.slice(1)}:`, ...numbers));
    }
    if (missing || (!entries.length && !more.length)) node.append(make("p", { class: "none" }, notFound(missing)));
    return node;
  }

  function sheet({ matrices, listings }) {
    const key = make("p", { class: "key" }, "A number counts sentences and leads to them; ", make("b", {}, "±"),
      ": they say both that it is so and that it is not, or it is not sure which; ", make("b", {}, "?"),
      ": they only speak of it, or the model is not sure. ", make("b", {}, "Not found"),
      " means that the model found no sentence that says so, and never “no”. ",
      make("b", { id: "facts-own", hidden: "" }, "The sheet is made by the model's own thresholds."));
    return make("details", { class: "facts" }, make("summary", {}, "Fact sheet",
      make("span", {}, ": which data, what for, who gets them, how long, and what you can do")), key,
    ...matrices.flatMap(matrix), make("div", { class: "listings" }, ...listings.map(listing)));
  }

  // ---- moving about ------------------------------------------------------------------------------------------------

  const itemAt = (node) => items[node?.closest?.(".s")?.dataset.i];
  const pinned = () => itemAt(document.activeElement);

  // One stop for the Tab key in the whole text.
  function go(item, from) {
    if (item.node.classList.contains("dim")) clear();
    if (from) origin = from;
    item.node.focus({ preventScroll: true });
    item.node.scrollIntoView({ block: "center" });
  }

  // To the next or previous of `among`, seen from the sentence last visited, and on from the end to the start.
  function walk(by, from, among = hits, label = null) {
    if (!among.length) return;
    const here = stop?.visited ? stop.number : by > 0 ? -1 : items.length;
    const next = by > 0 ? among.find((item) => item.number > here) ?? among[0]
      : among.findLast((item) => item.number < here) ?? among.at(-1);
    go(next, from);
    trail = label;
    const place = `${among.indexOf(next) + 1} of ${count(among.length, "sentence", "sentences")}`;
    byId("hits").textContent = label === null ? place : `${nameOf(label)}: ${place}`;
  }

  function detail(item, spoken = false) {
    byId("details").classList.toggle("filled", Boolean(item));
    byId("details-hint").hidden = Boolean(item);
    const body = byId("details-body");
    if (!item) return body.replaceChildren();
    const order = byScore(item.row, [...labels.keys()]);
    const given = item.marks.map((label) => `${nameOf(label)} ${percent(scoreOf(item, label))}`).join(", ");
    const list = make("ol", { class: "scores" }, ...order.map((label, rank) => {
      const has = carries(item, label);
      const bar = make("span", { class: "bar", "aria-hidden": "true" }, make("i", {}), make("u", {}));
      bar.style.setProperty("--score", `${100 * scoreOf(item, label)}%`);
      bar.style.setProperty("--limit", `${100 * limitOf(label)}%`);
      return make("li", { class: `${hue(label)}${has ? " has" : ""}${rank > 3 && !has ? " low" : ""}` },
        badge(label), make("span", { class: "name" }, nameOf(label)),
        make("span", { class: "n" }, percent(scoreOf(item, label))), bar);
    }));
    const forced = item.marks.length === 1 && scoreOf(item, item.marks[0]) < limitOf(item.marks[0]) - 5e-5;
    const note = !item.row.scores ? "The answer has no scores."
      : forced ? "Below its threshold, but the likeliest: every sentence gets at least one category."
        : "The stroke in each bar is the threshold.";
    body.replaceChildren(make("p", { class: "quote" }, shorten(item.row.text, 220)),
      ...(item.row.scores ? [list] : []), make("p", { class: "hint" }, note),
      ...Object.entries(item.row.attributes ? valuesNow(item, "attributes") : {}).map(([name, values]) =>
        make("p", { class: "hint" }, `${name}: ${values.join("; ")}`)));
    if (spoken) byId("spoken").textContent = given || "No category";
  }

  // ---- saving ------------------------------------------------------------------------------------------------------

  // Of a row's attributes (or their scores), those of the categories that the sentence has under the present thresholds.
  const valuesNow = (item, key) => Object.fromEntries(Object.entries(item.row[key]).filter(([name]) =>
    item.marks.some((label) => ATTRIBUTES[name]?.split(" ").includes(codeOf(label)))));

  const rowsNow = () => items.map((item) => ({ ...item.row, policy,
    labels: labels.filter((_, label) => item.marks.includes(label)),
    ...(item.row.attributes && { attributes: valuesNow(item, "attributes") }),
    ...(item.row.attribute_scores && { attribute_scores: valuesNow(item, "attribute_scores") }) }));

  // The columns of `clausetag predict -o x.csv`. A spreadsheet takes cells that begin with these signs for formulas.
  function csv() {
    const columns = ["policy", "index", "passage", "start", "end", "text", "heading", "lead_in", "links", "labels",
      "flags", "error_code", "error_message"];
    const cell = (value) => {
      let line = Array.isArray(value) ? value.join("; ") : String(value ?? "");
      if (typeof value !== "number" && /^[=+\-@\t\r]/.test(line)) line = `'${line}`;
      return /[",\r\n]/.test(line) ? `"${line.replaceAll('"', '""')}"` : line;
    };
    // As in `predict`, only tables of the twelve categories have columns for attributes.
    const twelve = labels.join() === Object.keys(ABOUT).join();
    const names = twelve ? [...Object.keys(ATTRIBUTES), "attribute_scores"] : [];
    const valued = (row) => Object.entries(row.attribute_scores ?? {}).flatMap(([name, values]) =>
      Object.entries(values).map(([value, score]) => `${name}: ${value} ${score}`));
    const flat = (row) => ({ ...row, ...row.attributes, links: row.links?.map((link) => link.href),
      attribute_scores: valued(row) });
    const lines = rowsNow().map(flat).map((row) => [...columns.map((column) => row[column]),
      ...labels.map((label) => row.scores?.[label]), ...names.map((name) => row[name])]);
    return [[...columns, ...labels, ...names], ...lines].map((line) => `${line.map(cell).join(",")}\n`).join("");
  }

  function save(format) {
    const made = { csv, txt: () => text, jsonl: () => rowsNow().map((row) => `${JSON.stringify(row)}\n`).join("") };
    const type = { csv: "text/csv", txt: "text/plain", jsonl: "application/x-ndjson" }[format];
    const url = URL.createObjectURL(new Blob([made[format]()], { type: `${type};charset=utf-8` }));
    make("a", { href: url, download: `${policy}.${format}` }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
  }

  // ---- wiring ------------------------------------------------------------------------------------------------------

  byId("form").addEventListener("submit", (event) => { event.preventDefault(); askText(); });
  byId("paste").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) askText();
  });
  byId("example").addEventListener("click", async () => {
    const response = await fetch("example.txt").catch(() => null);
    if (response?.ok) ask(await response.text(), "text/plain", "vtiger.txt");
    else fail("No answer: the server is not running, or this device is offline.");
  });
  byId("file").addEventListener("change", (event) => {
    if (event.target.files.length) askFile(event.target.files[0]);
    event.target.value = ""; // so that the same file can be chosen again
  });
  byId("cancel").addEventListener("click", () => controller?.abort());
  byId("retry").addEventListener("click", () => again?.());
  byId("another").addEventListener("click", () => {
    byId("input").hidden = !byId("input").hidden;
    if (byId("input").hidden) return;
    byId("input").scrollIntoView({ block: "nearest" });
    byId("paste").focus();
    byId("paste").select();
  });

  addEventListener("dragover", (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    document.body.classList.add("dragging");
  });
  addEventListener("dragleave", (event) => { if (!event.relatedTarget) document.body.classList.remove("dragging"); });
  addEventListener("drop", (event) => {
    document.body.classList.remove("dragging");
    const files = event.dataTransfer?.files ?? [];
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault(); // else the browser opens the file in place of this page
    if (files.length) askFile(files[0], files.length - 1);
  });

  byId("clear").addEventListener("click", clear);
  byId("find").addEventListener("input", (event) => { words = event.target.value.trim().toLowerCase(); apply(); });
  byId("only").addEventListener("change", (event) => byId("text").classList.toggle("only", event.target.checked));
  byId("next").addEventListener("click", (event) => walk(1, event.target));
  byId("previous").addEventListener("click", (event) => walk(-1, event.target));
  let frame = 0;
  byId("offset").addEventListener("input", (event) => {
    offset = Number(event.target.value);
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(decide);
  });
  byId("least").addEventListener("change", (event) => { least = event.target.checked; decide(); });
  byId("reset").addEventListener("click", () => {
    [offset, least] = [0, leastOwn > 0];
    byId("offset").value = 0;
    decide();
    byId("offset").focus();
  });
  byId("save").addEventListener("click", (event) => { if (event.target.dataset.format) save(event.target.dataset.format); });

  const area = byId("text");
  area.addEventListener("pointerover", (event) => {
    if (event.pointerType !== "touch" && itemAt(event.target)) detail(itemAt(event.target));
  });
  area.addEventListener("pointerleave", (event) => { if (event.pointerType !== "touch") detail(pinned() ?? null); });
  area.addEventListener("focusin", (event) => {
    const item = itemAt(event.target);
    if (!item) return;
    if (stop) stop.node.tabIndex = -1;
    item.node.tabIndex = 0;
    item.visited = true;
    stop = item;
    detail(item, true);
  });
  area.addEventListener("focusout", () => detail(null));
  area.addEventListener("click", (event) => itemAt(event.target)?.node.focus({ preventScroll: true }));
  area.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !itemAt(event.target)) return;
    const by = { j: 1, k: -1 }[event.key];
    if (by) walk(by, null, trail === null ? hits : carriers(trail), trail);
    else if (event.key === "Escape") {
      detail(null);
      if (origin?.isConnected) origin.focus();
      else event.target.blur();
    }
  });
  // On paper the sheet is open.
  addEventListener("beforeprint", () => { for (const facts of document.querySelectorAll(".facts")) facts.open = true; });
  byId("close").addEventListener("click", () => { document.activeElement?.blur(); detail(null); });

  info();
})();
