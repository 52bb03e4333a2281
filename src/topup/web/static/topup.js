// What the pages do better with JavaScript: they work without it. No page has inline script; htmx does the swapping.

(() => {
  "use strict";

  // The server writes dates in the reader's time zone, which only the browser knows.
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone && !document.cookie.split("; ").includes(`timezone=${encodeURIComponent(zone)}`)) {
    document.cookie = `timezone=${encodeURIComponent(zone)}; path=/; max-age=31536000; samesite=lax`;
  }

  const reveal = (root) => {
    for (const button of root.querySelectorAll("[data-copy], [data-print]")) button.hidden = false;
  };

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy], [data-print]");
    if (!button) return;
    if ("print" in button.dataset) return window.print();
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });

  // A second click sends nothing: the button says what is going on until the next page is there.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.dataset.once) return;
    if (form.dataset.sent) return event.preventDefault();
    form.dataset.sent = "yes";
    const button = form.querySelector("button[type=submit]");
    button.dataset.words = button.textContent;
    button.setAttribute("aria-busy", "true");
    button.textContent = form.dataset.once;
  });

  // Coming back by the browser's Back button finds the form ready again.
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) {
      delete form.dataset.sent;
      const button = form.querySelector("button[type=submit]");
      button.removeAttribute("aria-busy");
      button.textContent = button.dataset.words;
    }
  });

  // A menu closes by Escape and by a click beside it.
  const closeMenus = (except) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(except)) menu.open = false;
  };
  document.addEventListener("click", (event) => closeMenus(event.target));
  document.addEventListener("keydown", (event) => {
    const menu = event.key === "Escape" && document.querySelector("details.menu[open]");
    if (!menu) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });

  // On a narrow screen the navigation may be wider than the page: where one is comes into view.
  for (const here of document.querySelectorAll("nav [aria-current]")) {
    const strip = here.closest("ul");
    strip.scrollLeft += here.getBoundingClientRect().left - strip.getBoundingClientRect().left - 20;
  }

  document.addEventListener("htmx:after:swap", () => reveal(document));
  reveal(document);
})();
