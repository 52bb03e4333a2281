"""HTTP: parse, ask who is calling, call one flow, render. No SQL, no Stripe, no decision about money.

api/ answers JSON, pages/ answers HTML; errors.py is the one table from error to status.
"""
