// Takes payments and cards in Stripe's own fields. The same with Stripe's script and with the offline one: the page says
// where the script is and which key to use. The page works without this file, by invoice.
//
// A client secret comes by a JSON answer, lives in a variable and goes to Stripe; it is never written anywhere.

(() => {
  "use strict";

  const NOT_CHARGED = "You have not been charged.";
  const UNHEARD = "We could not hear from Stripe whether the payment went through. Do not pay again yet: look at the purchase first.";
  const UNREACHED = "We could not be reached. Check your connection, then try again.";
  const dark = matchMedia("(prefers-color-scheme: dark)");

  // Stripe's script loads beside everything else; whoever needs it waits here. Null when it did not come.
  const stripeScript = new Promise((resolve) => {
    const script = document.querySelector("script[data-stripe]");
    const settle = () => resolve(window.Stripe || null);
    if (!script || window.Stripe) return settle();
    script.addEventListener("load", settle);
    script.addEventListener("error", settle);
    window.addEventListener("load", () => setTimeout(settle, 5000));
  });

  // The fields in the page's own colours.
  function appearance() {
    const style = getComputedStyle(document.documentElement);
    const token = (name) => style.getPropertyValue(name).trim();
    return {
      theme: dark.matches ? "night" : "stripe",
      variables: {
        colorPrimary: token("--teal"),
        colorBackground: token("--surface"),
        colorText: token("--ink"),
        colorTextSecondary: token("--soft"),
        colorDanger: token("--red"),
        fontFamily: token("--sans"),
        borderRadius: token("--radius"),
      },
    };
  }

  // Stripe's payment element in its box; one that cannot load says so and what else there is.
  class Fields {
    constructor(stripe, form, options) {
      this.form = form;
      this.host = form.querySelector("[data-fields]");
      this.elements = stripe.elements({ ...options, appearance: appearance() });
      this.element = this.elements.create("payment", { layout: "tabs", wallets: { link: "never" } });
      this.redress = () => this.elements.update({ appearance: appearance() });
      dark.addEventListener("change", this.redress);
    }

    mount({ focuses = false } = {}) {
      this.element.on("ready", () => {
        this.host.dataset.ready = "yes";
        if (focuses) this.element.focus();
      });
      this.element.on("loaderror", () => unloaded(this.form));
      const slot = document.createElement("div");
      this.host.append(slot);
      this.element.mount(slot);
    }

    destroy() {
      dark.removeEventListener("change", this.redress);
      this.element.destroy();
      this.host.querySelector("div")?.remove();
      delete this.host.dataset.ready;
    }
  }

  function unloaded(form) {
    form.querySelector("[data-fields]").hidden = true;
    form.querySelector("[data-unloaded]").hidden = false;
  }

  // What went wrong, what it means for the money, what to do next; read out, and where the eye is.
  function say(form, what, next = "", link = "") {
    const place = form.querySelector("[data-trouble]");
    place.querySelector("[data-trouble-what]").textContent = what;
    place.querySelector("[data-trouble-next]").textContent = next;
    const anchor = place.querySelector("[data-trouble-link]");
    anchor.hidden = !link;
    if (link) anchor.href = link;
    place.hidden = false;
    place.focus();
  }

  function quiet(form) {
    form.querySelector("[data-trouble]").hidden = true;
  }

  // One act at a time: the button shows that something is going on, and a line says what.
  function begin(form, words) {
    form.dataset.busy = "yes";
    form.querySelector("button[type=submit]:not(.no-script)").setAttribute("aria-busy", "true");
    form.querySelector("[data-progress]").textContent = words;
  }

  // Also what would change the act is held meanwhile.
  function busy(form, words) {
    begin(form, words);
    for (const held of document.querySelectorAll("[data-holds]")) held.disabled = true;
  }

  function free(form) {
    delete form.dataset.busy;
    form.querySelector("button[type=submit]:not(.no-script)").removeAttribute("aria-busy");
    form.querySelector("[data-progress]").textContent = "";
    for (const held of document.querySelectorAll("[data-holds]")) held.disabled = false;
  }

  class Refusal extends Error {
    constructor(what, next = NOT_CHARGED) {
      super(what);
      this.next = next;
    }
  }

  // A JSON call of our own; a refusal comes as the sentence of the server.
  async function call(method, address, form, { body, headers = {} } = {}) {
    let answer;
    try {
      answer = await fetch(address, {
        method,
        headers: { Accept: "application/json", "X-CSRF-Token": form.elements.csrf.value, ...headers },
        body,
      });
    } catch {
      throw new Refusal(UNREACHED);
    }
    const told = await answer.json().catch(() => ({}));
    if (answer.ok) return told;
    if (told.code === "card_not_found") throw new Refusal("This card is not saved any more.", `${NOT_CHARGED} Choose another way to pay.`);
    throw new Refusal(told.detail || UNREACHED);
  }

  const address = (path) => new URL(path, window.location.href).href;

  // Pay

  function payment(form) {
    const offer = document.querySelector("[data-offer]");
    const order = form.elements.quantity;
    const currency = (offer || form).dataset.currency;
    const isSaved = () => "saves" in form.dataset || Boolean(form.elements.save_card?.checked);
    const way = () => form.elements.way.value;
    let stripe = null;
    let fields = null;
    let unpaid = null;

    const options = () => ({
      mode: "payment",
      amount: Number(order.dataset.amount),
      currency,
      setupFutureUsage: isSaved() ? "on_session" : null,
    });

    async function show() {
      for (const panel of form.querySelectorAll("[data-panel]")) panel.hidden = panel.dataset.panel !== way();
      const button = form.querySelector("[data-act]").parentElement;
      button.querySelector("[data-act]").textContent = way() === "invoice" ? button.dataset.invoiceWords : button.dataset.cardWords;
      quiet(form);
      if (way() !== "new" || fields || !Number(order.dataset.amount)) return;
      const Stripe = await stripeScript;
      if (!Stripe) return unloaded(form);
      if (fields) return;
      stripe = stripe || Stripe(form.dataset.key);
      fields = new Fields(stripe, form, options());
      fields.mount();
    }

    // The purchase to pay, with its secret: opened now, or the one that this page is about.
    async function open() {
      if (form.dataset.purchase) {
        return call("GET", `${form.dataset.api}/${form.dataset.purchase}?institutionId=${form.dataset.institution}`, form);
      }
      const quantity = Number(order.value);
      const wish = { quantity, institutionId: form.dataset.institution };
      if (way() === "new") wish.saveCard = isSaved();
      else wish.paymentMethodId = way();
      // The same order sent twice is the same purchase; another order is another one.
      const key = [form.elements.request.value, quantity, way(), Boolean(wish.saveCard)].join(":");
      const headers = { "Content-Type": "application/json", "Idempotency-Key": key };
      const opened = await call("POST", form.dataset.api, form, { body: JSON.stringify(wish), headers });
      if (unpaid && unpaid !== opened.purchaseId) giveUp(unpaid);
      unpaid = opened.purchaseId;
      return opened;
    }

    // An order that was changed after a try is another purchase; the first one is not left lying about unpaid. Should
    // this get lost, it ends by itself after a day.
    function giveUp(purchase) {
      const body = new URLSearchParams({ csrf: form.elements.csrf.value });
      fetch(`${form.dataset.back}${purchase}/cancel`, { method: "POST", body, redirect: "manual", keepalive: true }).catch(() => {});
    }

    async function pay() {
      const Stripe = await stripeScript;
      if (!Stripe) throw new Refusal("Stripe’s script could not be loaded, so no card can be charged.");
      stripe = stripe || Stripe(form.dataset.key);
      const isNew = way() === "new";
      if (isNew && !fields) throw new Refusal("Stripe’s card fields are not there yet.");
      if (isNew) {
        const { error } = await fields.elements.submit();
        // The fields themselves say what is missing.
        if (error) return free(form);
      }
      const opened = await open();
      const back = form.dataset.back + opened.purchaseId;
      if (!opened.clientSecret) return window.location.assign(back);
      if (opened.amount !== Number(order.dataset.amount)) {
        throw new Refusal("The price has changed since this page was loaded.", `${NOT_CHARGED} Reload the page to see the new one.`);
      }
      form.querySelector("[data-progress]").textContent = "Confirming with your bank. Please keep this page open.";
      const confirmParams = { return_url: address(back) };
      if (!isNew) confirmParams.payment_method = way();
      const { error } = await stripe.confirmPayment({
        ...(isNew ? { elements: fields.elements } : {}),
        clientSecret: opened.clientSecret,
        confirmParams,
        redirect: "if_required",
      });
      if (!error) return window.location.assign(back);
      await settle(error, opened.clientSecret, back);
    }

    // After an error Stripe is asked once more how the payment stands, since an answer may have been lost on the way.
    async function settle(error, clientSecret, back) {
      const { paymentIntent } = await stripe.retrievePaymentIntent(clientSecret);
      const status = paymentIntent?.status;
      if (status === "succeeded" || status === "processing") return window.location.assign(back);
      if (!status && error.type !== "card_error") {
        free(form);
        return say(form, UNHEARD, "", back);
      }
      if (error.type === "validation_error" && way() === "new") return free(form);
      throw new Refusal(error.message || "The payment did not go through.", `${NOT_CHARGED} Try again, or choose another way to pay.`);
    }

    form.addEventListener("change", (event) => {
      if (event.target.name === "way") show();
      if (event.target.name === "save_card" && fields) fields.elements.update(options());
    });
    form.addEventListener("offer", () => {
      if (fields) fields.elements.update(options());
      else show();
    });
    form.addEventListener("submit", async (event) => {
      if (event.submitter?.name === "instead") return;
      if (offer && !Number(order.dataset.amount)) {
        event.preventDefault();
        event.stopPropagation();
        return document.getElementById("quantity").focus();
      }
      if (way() === "invoice" && !form.dataset.busy) {
        if (unpaid) giveUp(unpaid);
        return begin(form, form.dataset.invoiceWords);
      }
      event.preventDefault();
      event.stopPropagation();
      if (form.dataset.busy) return;
      quiet(form);
      busy(form, "Opening the purchase");
      try {
        await pay();
      } catch (refusal) {
        free(form);
        if (refusal instanceof Refusal) say(form, refusal.message, refusal.next);
        else {
          say(form, "This did not work, and it is our fault.", "Look into your purchases before you pay again.");
          throw refusal;
        }
      }
    });
    show();
  }

  // How many, with the total changing at once. The server's own price is compared before anything is charged.

  function offering(sheet, form) {
    const order = form.elements.quantity;
    const input = document.getElementById("quantity");
    const slider = sheet.querySelector("[data-slider]");
    const fault = sheet.querySelector("[data-fault]");
    const links = [...sheet.querySelectorAll("[data-from]")];
    const tiers = links.map((link) => ({ link, from: Number(link.dataset.from), price: Number(link.dataset.price) }));
    const { currency, decimals, max } = sheet.dataset;
    const format = new Intl.NumberFormat("en-GB", { style: "currency", currency: currency.toUpperCase(), minimumFractionDigits: Number(decimals), maximumFractionDigits: Number(decimals) });
    const money = (minor) => format.format(minor / 10 ** Number(decimals));
    const whole = (count) => String(count).replace(/\B(?=(\d{3})+$)/g, "\u202f");
    const STEPS = 100;

    const reached = (quantity) => tiers.findLast((tier) => tier.from <= quantity);
    // Each tier has the same room on the slider; the last one goes to three times where it begins.
    const end = (place) => (tiers[place + 1] ? tiers[place + 1].from : tiers[place].from * 3 || STEPS);
    const position = (quantity) => {
      const place = tiers.indexOf(reached(quantity));
      const { from } = tiers[place];
      return Math.min((place + 1) * STEPS - (tiers[place + 1] ? 1 : 0), place * STEPS + Math.round((STEPS * (quantity - from)) / (end(place) - from)));
    };
    const quantityAt = (spot) => {
      const place = Math.min(tiers.length - 1, Math.floor(spot / STEPS));
      const { from } = tiers[place];
      return from + Math.round(((spot - place * STEPS) / STEPS) * (end(place) - from));
    };

    function understood() {
      const text = input.value.replace(/\s/g, "");
      const quantity = /^\d{1,9}$/.test(text) ? Number(text) : 0;
      return quantity >= 1 && quantity <= Number(max) && reached(quantity) ? quantity : 0;
    }

    function show({ slides = true } = {}) {
      const quantity = understood();
      const tier = quantity ? reached(quantity) : null;
      const total = tier ? quantity * tier.price : 0;
      const saved = tier ? quantity * tiers[0].price - total : 0;
      for (const place of document.querySelectorAll("[data-total]")) {
        const nothing = place.closest("button") ? "" : "–";
        place.textContent = tier ? money(total) : nothing;
      }
      const each = tier ? [`${money(tier.price)} each${saved > 0 ? ", " : ""}`] : [];
      if (saved > 0) each.push(span("in", `saves ${money(saved)}`));
      sheet.querySelector("[data-each]").replaceChildren(...each);
      for (const one of tiers) {
        if (one === tier) one.link.setAttribute("aria-current", "true");
        else one.link.removeAttribute("aria-current");
      }
      fault.hidden = Boolean(tier);
      if (!tier) fault.textContent = `Enter a whole number from 1 to ${whole(max)}.`;
      if (tier) input.removeAttribute("aria-invalid");
      else input.setAttribute("aria-invalid", "true");
      if (tier && slides) slider.value = position(quantity);
      slider.setAttribute("aria-valuetext", tier ? `${quantity} sessions, ${money(total)}` : "no number");
      slider.style.setProperty("--filled", `${(100 * slider.value) / slider.max}%`);
      hint(quantity, total);
      order.value = quantity || "";
      order.dataset.amount = total || "";
      form.dispatchEvent(new CustomEvent("offer"));
    }

    function hint(quantity, total) {
      const place = sheet.querySelector("[data-better]");
      const better = quantity ? tiers.find((tier) => tier.from > quantity && tier.from * tier.price <= total) : null;
      place.hidden = !better;
      if (!better) return;
      const cost = better.from * better.price;
      const link = document.createElement("a");
      link.href = `?quantity=${better.from}`;
      link.textContent = `${whole(better.from)} sessions`;
      place.replaceChildren(link, ` cost ${money(cost)}, ${cost < total ? `${money(total - cost)} less` : "the same"}.`);
    }

    function span(name, text) {
      const made = document.createElement("span");
      made.className = name;
      made.textContent = text;
      return made;
    }

    function choose(quantity) {
      input.value = quantity;
      show();
    }

    input.addEventListener("input", () => show());
    slider.addEventListener("input", () => {
      input.value = quantityAt(Number(slider.value));
      show({ slides: false });
    });
    sheet.addEventListener("click", (event) => {
      const link = event.target.closest("a[href^='?quantity=']");
      if (!link || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      choose(Number(new URL(link.href).searchParams.get("quantity")));
    });
    // Enter in the field has nothing to send: the total is there already.
    sheet.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
    show();
  }

  // Add a card

  function adding(box) {
    const form = box.querySelector("form");
    const opener = box.querySelector("[data-open]");
    let stripe = null;
    let fields = null;
    let secret = null;

    async function open() {
      opener.hidden = true;
      opener.setAttribute("aria-expanded", "true");
      form.hidden = false;
      quiet(form);
      const Stripe = await stripeScript;
      if (!Stripe) return unloaded(form);
      stripe = stripe || Stripe(box.dataset.key);
      try {
        const sent = new URLSearchParams({ csrf: form.elements.csrf.value });
        ({ clientSecret: secret } = await call("POST", box.dataset.begin, form, { body: sent }));
      } catch (refusal) {
        return say(form, refusal.message, "No card was saved.");
      }
      if (form.hidden) return;
      fields = new Fields(stripe, form, { clientSecret: secret });
      fields.mount({ focuses: true });
    }

    function close() {
      if (fields) fields.destroy();
      fields = secret = null;
      form.hidden = true;
      opener.hidden = false;
      opener.setAttribute("aria-expanded", "false");
      opener.focus();
    }

    opener.addEventListener("click", open);
    box.querySelector("[data-close]").addEventListener("click", close);
    box.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !form.hidden && !form.dataset.busy) close();
    });
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      event.stopPropagation();
      if (form.dataset.busy || !fields) return;
      quiet(form);
      busy(form, "Saving the card");
      const submitted = await fields.elements.submit();
      if (submitted.error) return free(form);
      const { error } = await stripe.confirmSetup({
        elements: fields.elements,
        confirmParams: { return_url: address(box.dataset.back) },
        redirect: "if_required",
      });
      if (!error) return window.location.assign(`${box.dataset.back}?done=card`);
      free(form);
      if (error.type !== "validation_error") say(form, error.message, "No card was saved. Try again, or try another card.");
    });
  }

  // Ask before a card goes: Escape and "Keep it" close what was opened.
  document.addEventListener("keydown", (event) => {
    const open = event.key === "Escape" && event.target.closest("details.confirm[open]");
    if (open) keep(open);
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-keep]")) keep(event.target.closest("details.confirm"));
  });
  function keep(details) {
    details.open = false;
    details.querySelector("summary").focus();
  }

  for (const form of document.querySelectorAll("[data-pay]")) {
    payment(form);
    const sheet = document.querySelector("[data-offer]");
    if (sheet) offering(sheet, form);
  }
  for (const box of document.querySelectorAll("[data-add]")) adding(box);

  // A page that comes back as it was left is asked for anew: what it offered may be paid by now.
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) window.location.reload();
  });
})();
