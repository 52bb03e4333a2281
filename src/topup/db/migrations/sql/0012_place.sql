-- Where the database lives, so that a copy of it neither mails nor charges until somebody says that it is the one.

ALTER TABLE deployment
    ADD COLUMN place text,
    ADD COLUMN restored_from timestamptz,
    ADD COLUMN is_restoring boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN deployment.place IS 'The server and the database that the last start found itself in. Elsewhere it is a copy, and starts only when that is confirmed (faults 94).';
COMMENT ON COLUMN deployment.restored_from IS 'The moment of the backup that was restored and not yet confirmed.';
COMMENT ON COLUMN deployment.is_restoring IS 'A restore has begun and not ended: what is here is not whole.';
