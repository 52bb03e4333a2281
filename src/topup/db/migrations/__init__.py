"""The history of the schema, as alembic revisions of plain SQL.

topup.db.migrate walks it. A released revision is never edited; a mistake is mended by the next one.
"""
