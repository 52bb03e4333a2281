"""Pure values and decisions: no I/O, no clock of their own, nothing asynchronous.

What is bought and what it costs, what a payment may become, what a code is worth. Everything above may import this; it
imports only errors.
"""
