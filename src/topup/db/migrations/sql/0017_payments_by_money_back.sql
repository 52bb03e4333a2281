-- The desk lists payments of which money went back. They are few among many, and found without reading the many.
-- Where there are millions already, make both with CONCURRENTLY before: then this finds them made.

CREATE INDEX IF NOT EXISTS payments_refunded ON payments (id) WHERE refunded_minor > 0;
CREATE INDEX IF NOT EXISTS payments_disputed ON payments (id) WHERE disputed_minor > 0;
