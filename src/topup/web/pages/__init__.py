"""The HTML pages: rendered on the server, whole without JavaScript, better with htmx.

Each file serves one noun's pages and calls the same flows as the API.
"""
