"""The same application, database and cast as the tests of the web have: an attack goes through every layer."""

from tests.web import conftest as web

quiet = web.quiet
settings = web.settings
house = web.house
transport = web.transport
client = web.client
alice = web.alice
bob = web.bob
admin = web.admin
machine = web.machine
