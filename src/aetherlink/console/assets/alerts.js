// The list of alerts: as many rows as the window shows, put to other alerts while it scrolls. The address is the filter.
// Its first part is drawn at once; the others come one by one, and join when all are there or one scrolls to the end.
(() => {
  "use strict";
  const host = document.getElementById("alerts");
  const form = document.querySelector("form.filter");
  if (!host || !form) return;
  const base = document.documentElement.dataset.base || "";
  const ROW = 28;
  const SPARE = 8; // rows above and below
  const GROUP = 0, NAME = 1, SEVERITY = 2, SUPPRESSED = 3, TENANT = 4, LABELS = 5, SINCE = 6, INCIDENT = 7;
  const problem = document.getElementById("q-problem");
  const count = document.getElementById("alert-count");
  const MOST = 20000; // alerts that are looked at
  let rows = [], nodes = [], selected = 0, frame = 0, asked = null, space = null, list = null;
  let texts = [], places = new Map(), found = [], looked = 0, stored = 0, isWhole = true;

  function make(tag, name) {
    const node = document.createElement(tag);
    node.className = name;
    return node;
  }

  function made() {
    list = make("div", "window");
    list.tabIndex = 0;
    list.setAttribute("role", "grid");
    list.setAttribute("aria-label", "Alerts");
    space = make("div", "space");
    space.setAttribute("role", "rowgroup");
    list.append(space);
    list.addEventListener("scroll", soon, { passive: true });
    list.addEventListener("keydown", key);
    addEventListener("resize", soon);
    host.replaceChildren(list);
  }

  function row() {
    const node = make("div", "");
    node.setAttribute("role", "row");
    const name = make("a", "name");
    const cells = [make("span", "bar"), name, make("span", "tenant"), make("span", "labels"), make("span", "since")];
    cells[0].setAttribute("aria-hidden", "true");
    for (const cell of cells.slice(1)) { cell.setAttribute("role", "gridcell"); cell.dir = "auto"; }
    name.tabIndex = -1;
    node.append(...cells);
    space.append(node);
    return { node, cells, place: -1 };
  }

  function since(seconds) {
    const age = Math.max(0, Math.floor(Date.now() / 1000) - seconds);
    for (const [unit, length] of [["d", 86400], ["h", 3600], ["min", 60]]) if (age >= length) return `${Math.floor(age / length)} ${unit} ago`;
    return `${age} s ago`;
  }

  function put(one, place) {
    const alert = rows[place];
    const { node, cells } = one;
    one.place = place;
    node.className = `${texts[alert[SEVERITY]]}${texts[alert[SUPPRESSED]] ? " suppressed" : ""}`;
    node.id = `alert-row-${place}`;
    node.setAttribute("aria-rowindex", place + 1);
    node.style.transform = `translateY(${place * ROW}px)`;
    node.setAttribute("aria-selected", place === selected && document.activeElement === list);
    const incident = texts[alert[INCIDENT]];
    cells[1].textContent = (texts[alert[NAME]] || "no name") + (texts[alert[SUPPRESSED]] ? ` (${texts[alert[SUPPRESSED]]})` : "");
    if (incident) cells[1].href = `${base}/incidents/${encodeURIComponent(incident)}`;
    else cells[1].removeAttribute("href");
    cells[1].setAttribute("aria-label", `${texts[alert[SEVERITY]]}: ${cells[1].textContent}`);
    cells[2].textContent = texts[alert[TENANT]];
    cells[3].textContent = texts[alert[LABELS]];
    cells[4].textContent = since(alert[SINCE]);
  }

  function draw(all) {
    frame = 0;
    const first = Math.max(0, Math.floor(list.scrollTop / ROW) - SPARE);
    const end = Math.min(rows.length, Math.ceil((list.scrollTop + list.clientHeight) / ROW) + SPARE);
    if (end === rows.length && found.length > rows.length) {
      arrange();
      return;
    }
    while (nodes.length < end - first) nodes.push(row());
    const free = nodes.filter((one) => all === true || one.place < first || one.place >= end);
    const held = new Set(all === true ? [] : nodes.filter((one) => one.place >= first && one.place < end).map((one) => one.place));
    for (let place = first; place < end; place += 1) if (!held.has(place)) put(free.pop(), place);
    for (const one of free) { one.place = -1; one.node.style.transform = "translateY(-100px)"; }
  }

  function soon() {
    if (!frame) frame = requestAnimationFrame(draw);
  }

  function key(event) {
    const page = Math.max(1, Math.floor(list.clientHeight / ROW) - 1);
    const steps = { ArrowDown: 1, ArrowUp: -1, j: 1, k: -1, PageDown: page, PageUp: -page, Home: -rows.length, End: rows.length };
    if (event.key === "Enter") {
      const link = document.getElementById(`alert-row-${selected}`)?.querySelector("a[href]");
      if (link) link.click();
    } else if (event.key in steps) {
      event.preventDefault();
      event.stopPropagation();
      select(selected + steps[event.key]);
    }
  }

  function select(place) {
    selected = Math.max(0, Math.min(rows.length - 1, place));
    const top = selected * ROW;
    if (top < list.scrollTop) list.scrollTop = top;
    else if (top + ROW > list.scrollTop + list.clientHeight) list.scrollTop = top + ROW - list.clientHeight;
    draw(true);
    list.setAttribute("aria-activedescendant", `alert-row-${selected}`);
  }

  function grouped() {
    const groups = new Map();
    for (const alert of found) {
      const group = groups.get(alert[GROUP]);
      if (group) group.push(alert);
      else groups.set(alert[GROUP], [alert]);
    }
    return [...groups].sort(([one, these], [other, those]) => those.length - these.length || (texts[one] < texts[other] ? -1 : 1));
  }

  function tellGroups(sizes) {
    document.querySelector(".groups")?.remove();
    if (form.elements.group.value === "none" || !rows.length) return;
    const groups = make("ul", "groups");
    groups.setAttribute("aria-label", "Groups");
    for (const [place, { length }] of sizes.slice(0, 40)) {
      const item = make("li", "");
      const name = document.createElement("bdi");
      const number = make("span", "count");
      name.textContent = (texts[place] || "none").slice(0, 40);
      number.textContent = length.toLocaleString();
      item.append(name, " ", number);
      groups.append(item);
    }
    host.before(groups);
  }

  function tellCount() {
    const isNarrowed = found.length < looked;
    const number = isWhole || isNarrowed ? found.length : Math.min(stored, MOST);
    const isCut = isWhole && looked >= MOST && stored > MOST;
    count.textContent = number.toLocaleString() + (isCut ? " of those that changed last" : isNarrowed && !isWhole ? " so far" : "");
    count.setAttribute("aria-busy", !isWhole);
    if (list) list.setAttribute("aria-rowcount", isWhole ? rows.length : -1);
  }

  // What is found becomes what is shown: the row at the top and the one that is selected stay, wherever they come to lie.
  function arrange() {
    const top = list ? Math.floor(list.scrollTop / ROW) : 0;
    const [first, chosen] = [rows[top], rows[selected]];
    const groups = grouped();
    rows = groups.flatMap(([, alerts]) => alerts);
    tellGroups(groups);
    if (!list) made();
    space.style.height = `${rows.length * ROW}px`;
    selected = Math.max(0, rows.indexOf(chosen));
    if (top && first) list.scrollTop += (rows.indexOf(first) - top) * ROW;
    draw(true);
  }

  function take(part) {
    const own = part.texts.map((text) => {
      if (!places.has(text)) places.set(text, texts.push(text) - 1);
      return places.get(text);
    });
    for (const alert of part.rows) found.push(alert.map((value, column) => (column === SINCE ? value : own[value])));
    looked += part.looked;
    stored = part.stored ?? stored;
    isWhole = part.next === null || looked >= MOST;
  }

  function begin(part) {
    texts = [];
    places = new Map();
    rows = [];
    found = [];
    looked = selected = 0;
    problem.textContent = "";
    take(part);
    if (list) list.scrollTop = 0;
    show();
  }

  function show() {
    if (found.length) arrange();
    else {
      if (list && !isWhole) draw(true); // none is left of those that were shown before
      if (isWhole) say("None of the alerts fits.");
      tellGroups([]);
    }
    tellCount();
  }

  function say(words) {
    list = null;
    nodes = [];
    const none = make("p", "empty");
    none.textContent = words;
    host.replaceChildren(none);
  }

  async function part(address, signal) {
    const answer = await fetch(address, { headers: { Accept: "application/json" }, signal });
    if (answer.ok) return answer.json();
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    problem.textContent = page.querySelector("main h1 + p")?.textContent.trim() || "this filter cannot be read";
    count.setAttribute("aria-busy", "false");
    return null;
  }

  function visible() {
    return new Promise((go) => {
      if (!document.hidden) go();
      else document.addEventListener("visibilitychange", go, { once: true });
    });
  }

  async function load(address) {
    asked?.abort(); // typed further meanwhile
    const { signal } = (asked = new AbortController());
    count.setAttribute("aria-busy", "true");
    let next = await part(address, signal);
    if (!next) return;
    begin(next);
    while (!isWhole) {
      await visible();
      next = await part(`${address}${address.includes("?") ? "&" : "?"}cursor=${next.next}`, signal);
      if (!next) return;
      const isFirst = !found.length;
      take(next);
      if (isWhole || isFirst) show();
      else tellCount();
    }
  }

  function fetched(address) {
    load(address).catch((reason) => {
      if (reason.name !== "AbortError") problem.textContent = "the agent does not answer";
    });
  }

  let timer = 0;
  function filter() {
    const query = new URLSearchParams();
    for (const [name, value] of new FormData(form)) if (value && !(name === "status" && value === "firing") && !(name === "group" && value === "alertname")) query.append(name, value);
    const words = query.size ? `?${query}` : "";
    history.replaceState(null, "", location.pathname + words);
    fetched(`${base}/alerts/rows${words}`);
  }
  form.addEventListener("input", () => {
    clearTimeout(timer);
    count.setAttribute("aria-busy", "true");
    timer = setTimeout(filter, 150);
  });
  form.addEventListener("submit", (event) => { event.preventDefault(); filter(); });
  if ("more" in host.dataset) fetched(host.dataset.rows); // none on the page may fit, and some of those behind it
})();
