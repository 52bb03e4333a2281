"""SQL and nothing else: one function, one statement, its text beside it.

Every function takes the connection first and never commits; flows open the transactions.
Rows come back as frozen dataclasses.
"""
