"""Topup sells prepaid credits through Stripe and keeps them exact to the credit.

The rings, from the outside in: cli, web and worker, runtime, flows, ledger, db and gateway, core, then settings and
errors. Imports go inwards only; an import contract in the checks keeps it so.
"""
