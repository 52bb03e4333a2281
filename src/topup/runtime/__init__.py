"""The composition root: settings become a pool, a gateway, a mail sender and the flows' batching.

web and worker receive one `house.House` and reach everything through it; nothing here knows HTTP.
"""
