"""Measures Topup beside something else on the same machine and server, in one run. Never asserts a time.

`make bench` runs every measure and prints a table; bench/README.md keeps the figures with what was tried and what it
gave.
"""
