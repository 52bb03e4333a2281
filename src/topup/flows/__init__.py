"""What the product does, one verb a file, each a recipe on one screen.

Flows open the transactions (`async with pool.connection() as conn:` is one) and never call Stripe or a mail server
inside one: write the intent, commit, call with an idempotency key made from our row's id, write the outcome.
"""
