-- Lots and accounts are written in place: a spend adds no index entry, and finds its first lots without reading the rest.

-- An index whose condition names `remaining` gets a new entry whenever `remaining` changes, though the lot stays in it.
-- This column changes once in a lot's life, or twice.
ALTER TABLE lots ADD COLUMN is_living boolean NOT NULL GENERATED ALWAYS AS (remaining > 0 OR held > 0) STORED;
COMMENT ON COLUMN lots.is_living IS 'There is anything in it. Indexes ask for this and never for the amounts, so that a spend changes none of them.';

DROP INDEX living_lots, lots_to_expire, lots_to_return;
CREATE INDEX living_lots ON lots (account_id, priority, expires_at, opened_seq, id) WHERE is_living;
CREATE INDEX lots_to_expire ON lots (expires_at) WHERE is_living AND expires_at IS NOT NULL;
CREATE INDEX lots_to_expire_of_account ON lots (account_id, expires_at) WHERE is_living AND expires_at IS NOT NULL;
CREATE INDEX lots_to_return ON lots (returns_to, account_id) WHERE is_living AND returns_to IS NOT NULL;
COMMENT ON INDEX living_lots IS 'In burn order: a spend reads the first few of ten thousand lots.';

-- Room on each page for the next version of a row.
ALTER TABLE lots SET (fillfactor = 80);
ALTER TABLE accounts SET (fillfactor = 70);

-- Hardly any transfer reverses another: only those that do need an entry.
ALTER TABLE transfers DROP CONSTRAINT reversed_at_most_once;
CREATE UNIQUE INDEX reversed_at_most_once ON transfers (reverses) WHERE reverses IS NOT NULL;
