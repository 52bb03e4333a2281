/* Fills the form from the list of test cards without a reload. The page works without it. */
"use strict";
document.querySelectorAll("a[data-fill]").forEach((link) => {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    const year = String(new Date().getFullYear() + 4);
    const values = { exp_month: "12", exp_year: year, ...link.dataset };
    for (const [name, value] of Object.entries(values)) {
      const field = document.getElementById(name);
      if (field) {
        field.value = value;
        field.removeAttribute("aria-invalid");
      }
    }
    const button = document.querySelector("form button[type=submit]");
    button.scrollIntoView({ block: "center" });
    button.focus({ preventScroll: true });
  });
});
document.querySelector("form").addEventListener("submit", (event) => {
  const button = event.target.querySelector("button[type=submit]");
  button.setAttribute("aria-busy", "true");
});
