/* The theme that was chosen last, set before the first paint; without a choice the system's. */
try {
  const theme = localStorage.getItem("theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  /* Storage may be forbidden, in a frame for example: the system decides then. */
}
