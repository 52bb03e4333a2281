"""An offline Stripe: the API, the hosted pages and the webhooks, for development and tests without a network.

It keeps its objects in one SQLite file and speaks the API version named here. It knows nothing of the
product that talks to it, refuses live keys and moves no money. `python -m stripe_sandbox` starts it.
"""

API_VERSION = "2026-10-28.endive"
