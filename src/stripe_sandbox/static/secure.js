/* Tells the page that holds this frame that the buyer has answered. */
"use strict";
window.parent.postMessage("stripe_sandbox.answered", "*");
