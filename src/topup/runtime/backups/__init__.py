"""Backups: one file that holds all of a running Topup at one moment, and the way back from it.

`taking` makes one, `restoring` brings it into an empty database and proves it, `archive` is the file.
"""
