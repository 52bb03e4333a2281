"""The only door to a balance.

commands say what shall happen, rules decide (pure), journal locks, loads, applies and writes, audit proves afterwards.
Nothing outside this package writes accounts, transfers, entries, lots or holds.
"""
