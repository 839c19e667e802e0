// Before anything is drawn: the colours that this person chose, so that no page flashes in the other ones.
(() => {
  try {
    const chosen = localStorage.getItem("aether-theme");
    if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
  } catch {
    // A browser that keeps nothing shows what the system has.
  }
})();
