/* The payment fields inside their frame. Talks to the page's script over one message port; card numbers go from here to
   the sandbox and nowhere else. */
"use strict";
(() => {
  const form = document.getElementById("fields");
  const field = (name) => document.getElementById(name);
  const digits = (text) => text.replace(/\D/g, "");
  let port = null;
  let key = "";
  let kind = "card";

  const INCOMPLETE = {
    number: ["incomplete_number", "Your card number is incomplete."],
    expiry: ["incomplete_expiry", "Your card's expiration date is incomplete."],
    cvc: ["incomplete_cvc", "Your card's security code is incomplete."],
    sort_code: ["incomplete_sort_code", "Your sort code is incomplete."],
    account_number: ["incomplete_account_number", "Your account number is incomplete."],
    holder: ["incomplete_name", "Your full name is incomplete."],
    email: ["incomplete_email", "Your email address is incomplete."],
  };

  function isLuhn(number) {
    const sum = [...number].reverse().reduce((total, digit, place) => {
      const value = Number(digit) * (place % 2 ? 2 : 1);
      return total + (value > 9 ? value - 9 : value);
    }, 0);
    return sum % 10 === 0;
  }

  function isAmex() {
    return /^3[47]/.test(digits(field("number").value));
  }

  const complete = {
    number: () => digits(field("number").value).length >= (isAmex() ? 15 : 16),
    expiry: () => digits(field("expiry").value).length === 4,
    cvc: () => digits(field("cvc").value).length === (isAmex() ? 4 : 3),
    sort_code: () => digits(field("sort_code").value).length === 6,
    account_number: () => digits(field("account_number").value).length === 8,
    holder: () => field("holder").value.trim() !== "",
    email: () => /.+@.+/.test(field("email").value),
  };

  function names() {
    return kind === "card" ? ["number", "expiry", "cvc"] : ["holder", "email", "sort_code", "account_number"];
  }

  function complain(name, message) {
    const input = field(name);
    input.setAttribute("aria-invalid", "true");
    const place = field("problem");
    place.textContent = message;
    place.hidden = false;
    resize();
  }

  function forgive() {
    document.querySelectorAll("[aria-invalid]").forEach((input) => input.removeAttribute("aria-invalid"));
    field("problem").hidden = true;
    resize();
  }

  /* Returns what is wrong with the fields, as Stripe's script words it, or null. */
  function wrong() {
    for (const name of names()) {
      if (!complete[name]()) {
        const [code, message] = INCOMPLETE[name];
        return { name, error: { type: "validation_error", code, message } };
      }
    }
    if (kind === "card" && !isLuhn(digits(field("number").value))) {
      const message = "Your card number is invalid.";
      return { name: "number", error: { type: "validation_error", code: "invalid_number", message } };
    }
    return null;
  }

  function check() {
    forgive();
    const problem = wrong();
    if (!problem) return {};
    complain(problem.name, problem.error.message);
    field(problem.name).focus();
    return { error: problem.error };
  }

  async function method(billing = {}) {
    const checked = check();
    if (checked.error) return checked;
    const sent = new URLSearchParams({ type: kind === "card" ? "card" : "bacs_debit", allow_redisplay: "limited" });
    const details = { ...billing };
    if (kind === "card") {
      const expiry = digits(field("expiry").value);
      sent.set("card[number]", digits(field("number").value));
      sent.set("card[exp_month]", String(Number(expiry.slice(0, 2))));
      sent.set("card[exp_year]", `20${expiry.slice(2)}`);
      sent.set("card[cvc]", digits(field("cvc").value));
    } else {
      details.name = details.name || field("holder").value;
      details.email = details.email || field("email").value;
      sent.set("bacs_debit[sort_code]", digits(field("sort_code").value));
      sent.set("bacs_debit[account_number]", digits(field("account_number").value));
    }
    for (const name of ["name", "email", "phone"]) if (details[name]) sent.set(`billing_details[${name}]`, details[name]);
    for (const [line, value] of Object.entries(details.address || {})) {
      if (value) sent.set(`billing_details[address][${line}]`, value);
    }
    const answer = await fetch("/v1/payment_methods", { method: "POST", body: sent, headers: { Authorization: `Bearer ${key}` } });
    const made = await answer.json();
    if (made.error) complain({ number: "number", cvc: "cvc" }[made.error.param] || names()[0], made.error.message);
    return made;
  }

  function tell(message) {
    if (port) port.postMessage(message);
  }

  function changed() {
    const state = {
      complete: wrong() === null,
      empty: names().every((name) => field(name).value === ""),
      collapsed: false,
      value: { type: kind === "card" ? "card" : "bacs_debit" },
    };
    tell({ what: "change", state });
  }

  function resize() {
    tell({ what: "height", height: Math.ceil(document.getElementById("element").getBoundingClientRect().height) + 8 });
  }

  function show(chosen) {
    kind = chosen;
    field("card").hidden = kind !== "card";
    field("bank").hidden = kind !== "bank";
    document.querySelectorAll("[data-kind]").forEach((tab) => {
      tab.setAttribute("aria-pressed", String(tab.dataset.kind === kind));
    });
    forgive();
    changed();
  }

  /* Groups digits while they are typed, keeping the caret at the end where typing happens. */
  function grouped(input, shape) {
    input.addEventListener("input", () => {
      const atEnd = input.selectionStart === input.value.length;
      if (atEnd) input.value = shape(digits(input.value));
    });
  }

  function dress(appearance = {}) {
    const root = document.documentElement;
    if (appearance.theme === "night") root.dataset.theme = "night";
    if (appearance.theme === "stripe" || appearance.theme === "flat") root.dataset.theme = "day";
    const variables = {
      colorPrimary: "--accent", colorBackground: "--raised", colorText: "--ink", colorDanger: "--danger",
      colorTextSecondary: "--quiet", fontFamily: "--font", borderRadius: "--radius",
    };
    for (const [name, variable] of Object.entries(variables)) {
      const value = (appearance.variables || {})[name];
      if (value) root.style.setProperty(variable, value);
    }
  }

  function begin(message) {
    key = message.key;
    dress(message.appearance);
    const takes = { card: message.types.includes("card"), bank: message.types.includes("bacs_debit") };
    field("tabs").hidden = !(takes.card && takes.bank);
    field("saves").hidden = !message.saves;
    show(takes.card ? "card" : "bank");
    tell({ what: "ready" });
    resize();
  }

  const asked = {
    check: async () => check(),
    method: (message) => method(message.billing),
  };

  async function heard(message) {
    if (message.what === "focus") field(names()[0]).focus();
    else if (message.what === "renew") {
      dress(message.appearance);
      field("saves").hidden = !message.saves;
      resize();
    }
    else if (message.what === "clear") {
      form.reset();
      changed();
    } else if (asked[message.what]) tell({ what: "answer", id: message.id, answer: await asked[message.what](message) });
  }

  window.addEventListener("message", (message) => {
    if (message.source !== window.parent || port || !message.data || message.data.what !== "init") return;
    [port] = message.ports;
    port.onmessage = (inner) => heard(inner.data);
    begin(message.data);
  });

  grouped(field("number"), (typed) => typed.slice(0, 16).replace(/(.{4})(?=.)/g, "$1 "));
  grouped(field("expiry"), (typed) => (typed.length > 2 ? `${typed.slice(0, 2)} / ${typed.slice(2, 4)}` : typed));
  form.addEventListener("input", () => {
    forgive();
    changed();
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("focusin", () => tell({ what: "focus" }));
  form.addEventListener("focusout", () => tell({ what: "blur" }));
  document.querySelectorAll("[data-kind]").forEach((tab) => tab.addEventListener("click", () => show(tab.dataset.kind)));
  document.querySelectorAll("[data-fill]").forEach((chip) => {
    chip.addEventListener("click", () => {
      const year = String((new Date().getFullYear() + 4) % 100);
      const values = { expiry: `12 / ${year}`, cvc: "123", holder: "Test Person", email: "test@example.com", ...chip.dataset };
      for (const name of names()) if (values[name]) field(name).value = values[name];
      forgive();
      changed();
    });
  });
  new ResizeObserver(resize).observe(document.getElementById("element"));
})();
