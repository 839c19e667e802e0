// The list of alerts: as many rows as the window shows, put to other alerts while it scrolls. The address is the filter.
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
  let rows = [], texts = [], nodes = [], selected = 0, frame = 0, asked = 0, space = null, list = null;

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

  async function load(address) {
    const mine = (asked += 1);
    const answer = await fetch(address, { headers: { Accept: "application/json" } });
    if (mine !== asked) return; // typed further meanwhile
    if (!answer.ok) {
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      problem.textContent = page.querySelector("main h1 + p")?.textContent.trim() || "this filter cannot be read";
      return;
    }
    const found = await answer.json();
    if (mine !== asked) return;
    problem.textContent = "";
    ({ rows, texts } = found);
    count.textContent = rows.length.toLocaleString() + (found.is_cut ? " of those that changed last" : "");
    if (!rows.length) {
      list = null;
      nodes = [];
      const none = make("p", "empty");
      none.textContent = "None of the alerts fits.";
      host.replaceChildren(none);
      return;
    }
    if (!list) made();
    selected = 0;
    list.setAttribute("aria-rowcount", rows.length);
    space.style.height = `${rows.length * ROW}px`;
    list.scrollTop = 0;
    draw(true);
  }

  let timer = 0;
  function filter() {
    const query = new URLSearchParams();
    for (const [name, value] of new FormData(form)) if (value && !(name === "status" && value === "firing") && !(name === "group" && value === "alertname")) query.append(name, value);
    const words = query.size ? `?${query}` : "";
    history.replaceState(null, "", location.pathname + words);
    document.querySelector(".groups")?.remove();
    load(`${base}/alerts/rows${words}`).catch(() => { problem.textContent = "the agent does not answer"; });
  }
  form.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(filter, 200); });
  form.addEventListener("submit", (event) => { event.preventDefault(); filter(); });
  if (document.querySelector(".plain-alerts")) load(host.dataset.rows).catch(() => {});
})();
