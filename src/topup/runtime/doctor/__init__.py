"""`topup doctor`: what is right and wrong about a deployment, each finding with what mends it.

inside looks with the deployment's own settings, outside like any client at a running server, visit buys once in test
mode. Nothing here changes a deployment, except that a visit leaves a person and a purchase behind.
"""
