/* A stand-in for Stripe.js that talks to this sandbox. The page's script uses it as it would use the real one: the card
   fields sit in a frame from the sandbox's own origin, which is found from this script's address, and never reach the
   page. Supported: the payment element, confirming payment and setup intents, 3-D Secure, and reading an intent. */
"use strict";
(() => {
  const ORIGIN = new URL(document.currentScript.src).origin;
  const KINDS = { pi: "payment_intent", seti: "setup_intent" };

  class IntegrationError extends Error {
    constructor(message) {
      super(message);
      this.name = "IntegrationError";
    }
  }

  /* Writes nested values as Stripe's bracketed form fields. */
  function encoded(value, path, fields = new URLSearchParams()) {
    for (const [name, inner] of Object.entries(value)) {
      const where = path ? `${path}[${name}]` : name;
      if (inner === undefined || inner === null) continue;
      if (typeof inner === "object") encoded(inner, where, fields);
      else fields.append(where, String(inner));
    }
    return fields;
  }

  async function call(key, method, path, fields = {}) {
    const body = encoded(fields);
    const address = method === "GET" ? `${ORIGIN}/v1/${path}?${body}` : `${ORIGIN}/v1/${path}`;
    try {
      const answer = await fetch(address, {
        method,
        headers: { Authorization: `Bearer ${key}` },
        body: method === "GET" ? undefined : body,
        credentials: "omit",
        referrerPolicy: "no-referrer",
      });
      return await answer.json();
    } catch {
      const message = "The sandbox could not be reached. Check that it is running.";
      return { error: { type: "api_connection_error", message } };
    }
  }

  function intentOf(clientSecret) {
    const match = /^((pi|seti)_[A-Za-z0-9]+)_secret_[A-Za-z0-9]+$/.exec(clientSecret || "");
    if (!match) throw new IntegrationError("The client secret must have the form pi_..._secret_... or seti_..._secret_...");
    return { id: match[1], kind: KINDS[match[2]], secret: clientSecret };
  }

  /* The names under which the real script hands things out. */
  const camel = { payment_intent: "paymentIntent", setup_intent: "setupIntent" };

  function result(intent, answer) {
    if (answer.error) return { error: answer.error };
    const failed = answer.last_payment_error || answer.last_setup_error;
    if (answer.status === "requires_payment_method" && failed) {
      return { error: { ...failed, [intent.kind]: answer } };
    }
    return { [camel[intent.kind]]: answer };
  }

  class PaymentElement {
    constructor(elements, options) {
      this.elements = elements;
      this.options = options || {};
      this.listeners = new Map();
      this.waiting = new Map();
      this.asked = 0;
      this.state = { complete: false, empty: true, collapsed: false, value: { type: "card" } };
    }

    on(name, handler) {
      this.listeners.set(name, [...(this.listeners.get(name) || []), handler]);
      return this;
    }

    once(name, handler) {
      const wrapped = (event) => {
        this.off(name, wrapped);
        handler(event);
      };
      return this.on(name, wrapped);
    }

    off(name, handler) {
      const kept = (this.listeners.get(name) || []).filter((one) => handler && one !== handler);
      this.listeners.set(name, kept);
      return this;
    }

    tell(name, event = {}) {
      for (const handler of this.listeners.get(name) || []) handler({ elementType: "payment", ...event });
    }

    mount(target) {
      const host = typeof target === "string" ? document.querySelector(target) : target;
      if (!host) throw new IntegrationError(`The selector you specified (${target}) applies to no DOM elements.`);
      this.unmount();
      this.host = host;
      this.frame = document.createElement("iframe");
      this.frame.src = `${ORIGIN}/elements/payment`;
      this.frame.title = "Secure payment input";
      this.frame.setAttribute("allow", "payment");
      Object.assign(this.frame.style, { width: "100%", height: "230px", border: "0", display: "block", colorScheme: "inherit" });
      this.frame.addEventListener("load", () => this.begin());
      host.replaceChildren(this.frame);
      this.tell("loaderstart");
      return this;
    }

    async begin() {
      const channel = new MessageChannel();
      this.port = channel.port1;
      this.port.onmessage = (message) => this.heard(message.data);
      const offer = await this.elements.offer();
      if (offer.error) {
        this.tell("loaderror", { error: offer.error });
        return;
      }
      const { appearance } = this.elements.options;
      const init = { what: "init", key: this.elements.key, types: offer.types, saves: offer.saves, appearance };
      this.saves = offer.saves;
      if (this.frame && this.frame.contentWindow) this.frame.contentWindow.postMessage(init, ORIGIN, [channel.port2]);
    }

    heard(message) {
      if (message.what === "height" && this.frame) this.frame.style.height = `${message.height}px`;
      else if (message.what === "change") {
        this.state = message.state;
        this.tell("change", message.state);
      } else if (message.what === "answer") {
        this.waiting.get(message.id)(message.answer);
        this.waiting.delete(message.id);
      } else this.tell(message.what);
    }

    /* Asks the frame for something: its fields checked, or the payment method they make. */
    ask(what, more = {}) {
      if (!this.port) return Promise.resolve({ error: { type: "validation_error", message: "The payment element is not ready." } });
      this.asked += 1;
      const id = this.asked;
      return new Promise((resolve) => {
        this.waiting.set(id, resolve);
        this.port.postMessage({ what, id, ...more });
      });
    }

    /* Shows what elements.update() changed: the looks, and whether the details are kept. What was typed stays. */
    renew() {
      const { clientSecret, mode, setupFutureUsage, appearance } = this.elements.options;
      if (!clientSecret) this.saves = mode === "setup" || Boolean(setupFutureUsage);
      if (this.port) this.port.postMessage({ what: "renew", saves: this.saves, appearance });
    }

    unmount() {
      if (this.frame) this.frame.remove();
      if (this.port) this.port.close();
      this.frame = this.port = null;
      return this;
    }

    destroy() {
      this.unmount();
      this.elements.element = null;
    }

    update(options) {
      Object.assign(this.options, options);
      return this;
    }

    focus() {
      if (this.port) this.port.postMessage({ what: "focus" });
    }

    blur() {
      if (this.frame) this.frame.blur();
    }

    clear() {
      if (this.port) this.port.postMessage({ what: "clear" });
    }

    collapse() {}
  }

  class Elements {
    constructor(key, options) {
      if (!options || (!options.clientSecret && !options.mode)) {
        throw new IntegrationError("elements() needs a clientSecret, or a mode with its amount and currency.");
      }
      if (options.paymentMethodTypes) {
        throw new IntegrationError("paymentMethodTypes is no longer supported; use allowedPaymentMethodTypes.");
      }
      if (options.clientSecret) intentOf(options.clientSecret);
      this.key = key;
      this.options = { ...options };
    }

    create(type, options) {
      if (type !== "payment") throw new IntegrationError(`This sandbox has no ${type} element, only the payment element.`);
      if (this.element) throw new IntegrationError("Can only create one Element of type payment.");
      this.element = new PaymentElement(this, options);
      return this.element;
    }

    getElement() {
      return this.element || null;
    }

    /* What the frame may offer: the payment methods of the intent, or of the deferred amount. */
    async offer() {
      const { clientSecret, mode, currency, setupFutureUsage, allowedPaymentMethodTypes } = this.options;
      if (!clientSecret) {
        const types = ["card", ...(currency === "gbp" || mode === "setup" ? ["bacs_debit"] : [])];
        const left = types.filter((one) => !allowedPaymentMethodTypes || allowedPaymentMethodTypes.includes(one));
        return { types: left, saves: mode === "setup" || Boolean(setupFutureUsage) };
      }
      const intent = intentOf(clientSecret);
      const answer = await call(this.key, "GET", `${intent.kind}s/${intent.id}`, { client_secret: clientSecret });
      if (answer.error) return { error: answer.error };
      const saves = intent.kind === "setup_intent" || Boolean(answer.setup_future_usage);
      return { types: answer.payment_method_types, saves };
    }

    async submit() {
      if (!this.element) return { error: { type: "validation_error", message: "There is no element to submit." } };
      const answer = await this.element.ask("check");
      return answer.error ? { error: answer.error } : { selectedPaymentMethod: this.element.state.value.type };
    }

    async fetchUpdates() {
      const offer = this.options.clientSecret ? await this.offer() : {};
      return offer.error ? { error: offer.error } : {};
    }

    async update(options) {
      Object.assign(this.options, options);
      if (this.element) this.element.renew();
    }
  }

  /* Shows the bank's page in a frame over the shop's until the buyer has answered. */
  function overlay(address) {
    const shade = document.createElement("div");
    Object.assign(shade.style, {
      position: "fixed", inset: "0", zIndex: "2147483647", background: "rgb(0 0 0 / 55%)",
      display: "grid", placeItems: "center", padding: "16px",
    });
    const frame = document.createElement("iframe");
    frame.src = `${address}?embedded=1`;
    frame.title = "Your bank asks for your confirmation";
    Object.assign(frame.style, {
      width: "min(480px, 100%)", height: "min(520px, 100%)", border: "0", borderRadius: "10px", background: "Canvas",
    });
    const before = document.activeElement;
    shade.append(frame);
    document.body.append(shade);
    frame.focus();
    return new Promise((resolve) => {
      window.addEventListener("message", function heard(message) {
        if (message.origin !== ORIGIN || message.source !== frame.contentWindow || message.data !== "stripe_sandbox.answered") return;
        window.removeEventListener("message", heard);
        shade.remove();
        if (before && before.focus) before.focus();
        resolve();
      });
    });
  }

  async function read(key, intent) {
    return call(key, "GET", `${intent.kind}s/${intent.id}`, { client_secret: intent.secret });
  }

  /* Lets the buyer answer, when the intent asks for it, and reads the intent again. */
  async function acted(key, intent, answer) {
    const action = answer.error ? null : answer.next_action;
    if (answer.status !== "requires_action" || !action || !action.redirect_to_url) return answer;
    await overlay(action.redirect_to_url.url);
    return read(key, intent);
  }

  function goTo(returnUrl, intent, answer) {
    const status = { succeeded: "succeeded", processing: "pending" }[answer.status] || "failed";
    const address = new URL(returnUrl, window.location.href);
    address.searchParams.set(intent.kind, intent.id);
    address.searchParams.set(`${intent.kind}_client_secret`, intent.secret);
    address.searchParams.set("redirect_status", status);
    window.location.assign(address.href);
    return new Promise(() => {});
  }

  async function confirm(key, kind, options) {
    const { elements, confirmParams = {}, redirect = "always" } = options;
    const intent = intentOf(options.clientSecret || (elements && elements.options.clientSecret));
    if (intent.kind !== kind) throw new IntegrationError(`This client secret belongs to a ${intent.kind}.`);
    const needsAddress = redirect === "always" && !confirmParams.return_url;
    if (needsAddress) throw new IntegrationError("confirmParams.return_url is required unless redirect is \"if_required\".");
    const { payment_method_data: data = {}, ...fields } = confirmParams;
    if (elements) {
      const made = await elements.element.ask("method", { billing: data.billing_details });
      if (made.error) return { error: made.error };
      fields.payment_method = made.id;
    }
    const sent = { ...fields, client_secret: intent.secret };
    const first = await call(key, "POST", `${intent.kind}s/${intent.id}/confirm`, sent);
    const answer = await acted(key, intent, first);
    const outcome = result(intent, answer);
    if (outcome.error || redirect === "if_required") return outcome;
    return goTo(confirmParams.return_url, intent, answer);
  }

  function Stripe(key) {
    if (typeof key !== "string" || !key) throw new IntegrationError("Please call Stripe() with your publishable key.");
    if (/^(sk|rk)_/.test(key)) throw new IntegrationError("You should not use your secret key with Stripe.js. Pass a publishable key.");
    if (!/^pk_test_/.test(key)) throw new IntegrationError("This is an offline sandbox: it takes publishable test keys only.");

    async function retrieve(kind, clientSecret) {
      const intent = intentOf(clientSecret);
      if (intent.kind !== kind) throw new IntegrationError(`This client secret belongs to a ${intent.kind}.`);
      const answer = await read(key, intent);
      return answer.error ? { error: answer.error } : { [camel[kind]]: answer };
    }

    return {
      elements: (options) => new Elements(key, options),
      confirmPayment: (options) => confirm(key, "payment_intent", options),
      confirmSetup: (options) => confirm(key, "setup_intent", options),
      retrievePaymentIntent: (clientSecret) => retrieve("payment_intent", clientSecret),
      retrieveSetupIntent: (clientSecret) => retrieve("setup_intent", clientSecret),
      async handleNextAction({ clientSecret }) {
        const intent = intentOf(clientSecret);
        return result(intent, await acted(key, intent, await read(key, intent)));
      },
      async createPaymentMethod({ elements, params = {} }) {
        const made = await elements.element.ask("method", { billing: params.billing_details });
        return made.error ? { error: made.error } : { paymentMethod: made };
      },
    };
  }

  Stripe.version = "sandbox";
  window.Stripe = Stripe;
})();
