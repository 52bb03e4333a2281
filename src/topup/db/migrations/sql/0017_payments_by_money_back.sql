-- The desk lists payments of which money went back. They are few among many, and found without reading the many.

CREATE INDEX payments_refunded ON payments (id) WHERE refunded_minor > 0;
CREATE INDEX payments_disputed ON payments (id) WHERE disputed_minor > 0;
