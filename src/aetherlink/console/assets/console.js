// What every page has: the theme's button, the keys, dialogs, and times in the reader's own zone.
(() => {
  "use strict";
  const root = document.documentElement;
  const base = root.dataset.base || "";
  const THEMES = ["system", "light", "dark"];
  const WORDS = { system: "System", light: "Light", dark: "Dark" };

  // Themes

  function theme() {
    return root.dataset.theme || "system";
  }

  function show(chosen) {
    if (chosen === "system") delete root.dataset.theme;
    else root.dataset.theme = chosen;
    try {
      if (chosen === "system") localStorage.removeItem("aether-theme");
      else localStorage.setItem("aether-theme", chosen);
    } catch {
      // Nothing is kept: it holds for this page.
    }
    tell();
    document.dispatchEvent(new CustomEvent("aether:theme"));
  }

  function tell() {
    const button = document.getElementById("theme");
    if (!button) return;
    button.hidden = false;
    button.querySelector(".theme-words").textContent = WORDS[theme()];
    button.setAttribute("aria-label", `Colours: ${WORDS[theme()].toLowerCase()}. Change them`);
  }

  function nextTheme() {
    show(THEMES[(THEMES.indexOf(theme()) + 1) % THEMES.length]);
  }

  // Times: the page has them in UTC, which stays as the title.

  const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
  const DAY = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
  const YEAR = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });
  const UNITS = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];

  function local(instant) {
    const now = new Date();
    if (instant.toDateString() === now.toDateString()) return CLOCK.format(instant);
    const day = instant.getFullYear() === now.getFullYear() ? DAY : YEAR;
    return `${day.format(instant)} ${CLOCK.format(instant)}`;
  }

  function lasted(seconds) {
    let left = Math.floor(Math.abs(seconds));
    const said = [];
    for (const [name, length] of UNITS) {
      const count = Math.floor(left / length);
      left -= count * length;
      if (count) said.push(`${count} ${name}`);
      else if (said.length) break;
    }
    return said.slice(0, 2).join(" ") || "0 s";
  }

  function ago(instant) {
    const seconds = (Date.now() - instant) / 1000;
    if (Math.abs(seconds) < 1) return "just now";
    return seconds < 0 ? `in ${lasted(seconds)}` : `${lasted(seconds)} ago`;
  }

  function age(time, instant) {
    return time.dataset.age === "for" ? lasted((Date.now() - instant) / 1000) : ago(instant);
  }

  function localise(within) {
    for (const time of within.querySelectorAll("time[datetime]")) {
      const instant = new Date(time.dateTime);
      if (isNaN(instant)) continue;
      if (!time.title) time.title = time.textContent.trim();
      const words = time.dataset.age === undefined ? local(instant) : age(time, instant);
      if (time.textContent !== words) time.textContent = words;
    }
  }

  // Dialogs: a link to a page that asks opens the same question here.

  let opener = null;

  function open(name, from) {
    const dialog = document.getElementById(name);
    if (!dialog || typeof dialog.showModal !== "function" || dialog.open) return false;
    opener = from ? from.id : null;
    dialog.showModal();
    return true;
  }

  document.addEventListener("click", (event) => {
    const from = event.target.closest("[data-dialog]");
    if (from && !event.ctrlKey && !event.metaKey && open(from.dataset.dialog, from)) {
      event.preventDefault();
      return;
    }
    if (event.target.closest("[data-close]")) {
      const dialog = event.target.closest("dialog");
      if (dialog) {
        event.preventDefault();
        dialog.close();
      }
    }
    if (event.target.matches && event.target.matches("dialog[open]")) event.target.close();
    if (event.target.closest("#theme")) nextTheme();
    if (event.target.closest("#keys-button")) open("keys");
  });

  document.addEventListener(
    "close",
    () => {
      const back = opener && document.getElementById(opener);
      if (back) back.focus();
      opener = null;
    },
    true,
  );

  // One click is one request: a button that was pressed is not pressed again.

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || event.defaultPrevented) return;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
    for (const button of form.querySelectorAll("button")) button.setAttribute("aria-busy", "true");
  });

  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) {
      delete form.dataset.sent;
      for (const button of form.querySelectorAll("button")) button.removeAttribute("aria-busy");
    }
  });

  // Keys

  let after = "";
  let forgotten = 0;

  function rows() {
    return [...document.querySelectorAll("[data-row]")].filter((row) => row.offsetParent !== null);
  }

  function step(by) {
    const all = rows();
    if (!all.length) return;
    const at = all.findIndex((row) => row.contains(document.activeElement));
    const next = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, at + by))];
    const link = next.matches("a") ? next : next.querySelector("a[href]");
    (link || next).focus();
    next.scrollIntoView({ block: "nearest" });
  }

  function go(key) {
    const link = document.querySelector(`.places a[data-key="${CSS.escape(key)}"]`);
    if (link) location.assign(link.href);
  }

  const KEYS = {
    j: () => step(1),
    k: () => step(-1),
    t: nextTheme,
    "?": () => open("keys"),
    a: () => {
      const approve = document.querySelector("[data-approve]");
      if (approve) approve.click();
    },
    "/": (event) => {
      const filter = document.querySelector("[data-filter]");
      if (!filter) return;
      event.preventDefault();
      filter.focus();
    },
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.target.closest("input, textarea, select, [contenteditable]")) return;
    if (document.querySelector("dialog[open]")) return;
    if (after && Date.now() < forgotten) {
      after = "";
      event.preventDefault();
      go(event.key);
      return;
    }
    after = "";
    if (event.key === "g") {
      after = "g";
      forgotten = Date.now() + 1500;
    } else if (Object.hasOwn(KEYS, event.key)) KEYS[event.key](event);
  });

  const keysButton = document.getElementById("keys-button");
  if (keysButton) keysButton.hidden = false;
  tell();
  localise(document);
  setInterval(() => localise(document), 1000);
  document.addEventListener("aether:fresh", () => localise(document));
  window.aether = { base, localise, ago, local };
})();
