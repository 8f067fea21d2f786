// Before the first paint: dark or light as it was chosen last; without a choice the system decides.
(() => {
  let chosen = null;
  try { chosen = localStorage.getItem("tidegate-theme"); } catch { /* no storage: the system decides */ }
  if (chosen === "dark" || chosen === "light") document.documentElement.dataset.theme = chosen;
})();
