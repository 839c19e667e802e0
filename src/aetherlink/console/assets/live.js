// What is new comes by itself: one stream of events, and after each the parts of the page that say `data-live` anew.
// Focus, scroll, what is unfolded, open dialogs and what was typed stay as they are.
(() => {
  "use strict";
  const parts = document.querySelectorAll("[data-live]");
  const mark = document.getElementById("live");
  if (!parts.length || !mark || !window.htmx) return;

  const base = document.documentElement.dataset.base || "";
  const SOONEST = 250; // milliseconds between two looks
  const HIDDEN = 30000; // the same in a tab that nobody looks at
  const POLLED = 10000; // the same while the stream is lost
  const QUIET = 30000; // the same without any event: a browser does not notice a connection that died silently
  const wanted = new Set([...parts].flatMap((part) => part.dataset.live.split(" ")));
  const only = document.querySelector("[data-live-incident]");

  let stream = null;
  let lostAt = null;
  let unseenAt = null; // since when looking fails, whatever the stream says
  let isSignedOut = false;
  let timer = 0;
  let isAsking = false;
  let isStale = false;
  let lastLook = Date.now();

  // The mark

  function tell() {
    mark.hidden = false;
    const since = lostAt || unseenAt;
    mark.classList.toggle("is-live", since === null);
    mark.classList.toggle("is-lost", since !== null);
    const why = isSignedOut ? ": you are signed out, load this page anew" : "";
    const words = since === null ? "Live" : `Not live since ${window.aether.local(since)}${why}`;
    const place = mark.querySelector(".live-words");
    if (place.textContent !== words) place.textContent = words;
  }

  // Looking anew

  htmx.defineExtension("live", {
    isInlineSwap: (style) => style === "live",
    handleSwap(style, target, fragment) {
      if (style !== "live") return false;
      const fresh = [];
      for (const part of document.querySelectorAll("[data-live][id]")) {
        const anew = fragment.querySelector(`#${CSS.escape(part.id)}`);
        if (anew) fresh.push(...Idiomorph.morph(part, anew, { morphStyle: "outerHTML", ignoreActiveValue: true, callbacks }));
      }
      document.dispatchEvent(new CustomEvent("aether:fresh"));
      return fresh.filter((node) => node instanceof Element);
    },
  });
  document.body.setAttribute("hx-ext", "live");

  function isTyped(field) {
    return field.type !== "hidden" && field.value !== undefined && field.value !== field.defaultValue;
  }

  const callbacks = {
    beforeNodeMorphed(old) {
      if (!(old instanceof Element)) return true;
      if (old.matches("[data-keep], dialog[open]")) return false;
      return !(old.matches("form") && [...old.querySelectorAll("input, textarea")].some(isTyped));
    },
    beforeNodeRemoved(old) {
      return !(old instanceof Element && (old.matches("dialog[open], [data-keep]") || old.querySelector("dialog[open]")));
    },
    beforeAttributeUpdated(name, node) {
      return !(name === "open" && node.matches("details, dialog"));
    },
  };

  function look() {
    clearTimeout(timer);
    timer = 0;
    if (isAsking) {
      isStale = true;
      return;
    }
    isAsking = true;
    lastLook = Date.now();
    const address = new URL(location.href);
    address.searchParams.delete("said");
    htmx
      .ajax("GET", address.pathname + address.search, { source: document.body, target: document.body, swap: "live" })
      .catch(() => {})
      .finally(() => {
        isAsking = false;
        if (isStale) soon();
      });
    isStale = false;
  }

  function soon() {
    if (timer) return;
    const apart = document.hidden ? HIDDEN : SOONEST;
    timer = setTimeout(look, Math.max(0, lastLook + apart - Date.now()));
  }

  document.body.addEventListener("htmx:afterRequest", (event) => {
    const { successful, xhr } = event.detail;
    isSignedOut = xhr.status === 401;
    if (successful) unseenAt = null;
    else if (unseenAt === null) unseenAt = new Date();
    tell();
  });

  // The stream

  function concerns(event) {
    if (!only || event.type !== "entry") return true;
    try {
      return JSON.parse(event.data).incident_id === only.dataset.liveIncident;
    } catch {
      return true;
    }
  }

  function listen() {
    stream = new EventSource(`${base}/api/v1/stream`);
    stream.addEventListener("open", () => {
      if (lostAt !== null) soon();
      lostAt = null;
      tell();
    });
    stream.addEventListener("error", () => {
      if (lostAt === null) lostAt = new Date();
      tell();
    });
    for (const kind of wanted) {
      stream.addEventListener(kind, (event) => {
        if (concerns(event)) soon();
      });
    }
  }

  function leave() {
    if (stream) stream.close();
    stream = null;
  }

  setInterval(() => {
    if (document.hidden) return;
    if (stream && stream.readyState === EventSource.CLOSED) {
      leave();
      listen();
    }
    if (Date.now() - lastLook >= (lostAt || unseenAt ? POLLED : QUIET)) soon();
    tell();
  }, 1000);

  // A browser gives one server few connections: a tab that is not looked at for a while gives its own back.
  let leaving = 0;
  document.addEventListener("visibilitychange", () => {
    clearTimeout(leaving);
    if (document.hidden) {
      leaving = setTimeout(leave, POLLED);
      return;
    }
    clearTimeout(timer);
    timer = 0;
    if (!stream) listen();
    soon();
  });
  window.addEventListener("pagehide", leave);
  window.addEventListener("pageshow", (event) => {
    if (event.persisted && !stream) {
      listen();
      soon();
    }
  });

  listen();
})();
