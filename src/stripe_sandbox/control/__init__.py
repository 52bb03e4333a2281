"""The control calls under /sandbox: what tests do to the sandbox that nobody could do to Stripe."""
