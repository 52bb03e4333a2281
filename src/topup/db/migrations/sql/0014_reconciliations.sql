-- What came of comparing our payments with Stripe's books, and what nobody has explained yet.

CREATE TABLE reconciliations (
    id uuid PRIMARY KEY,
    scope text NOT NULL CHECK (scope IN ('recent', 'full', 'command')),
    looked_from timestamptz NOT NULL,
    started_at timestamptz NOT NULL,
    finished_at timestamptz NOT NULL,
    objects_seen bigint NOT NULL CHECK (objects_seen >= 0),
    payments_seen bigint NOT NULL CHECK (payments_seen >= 0),
    credited integer NOT NULL CHECK (credited >= 0),
    closed integer NOT NULL CHECK (closed >= 0),
    reviewed integer NOT NULL CHECK (reviewed >= 0),
    expired integer NOT NULL CHECK (expired >= 0),
    unexplained integer NOT NULL CHECK (unexplained >= 0),
    findings jsonb NOT NULL
);
CREATE INDEX reconciliations_by_scope ON reconciliations (scope, started_at DESC);
COMMENT ON TABLE reconciliations IS 'One row for each comparison with Stripe that was finished.';
COMMENT ON COLUMN reconciliations.findings IS 'The first of what is unexplained; unexplained counts all of it.';

CREATE TABLE discrepancies (
    kind text NOT NULL,
    subject text NOT NULL,
    payment_id uuid,
    told text NOT NULL,
    first_seen_at timestamptz NOT NULL DEFAULT topup_now(),
    last_seen_at timestamptz NOT NULL DEFAULT topup_now(),
    PRIMARY KEY (kind, subject)
);
COMMENT ON TABLE discrepancies IS 'What was ever unexplained, once each, so that admins are told of it once.';

CREATE INDEX payments_on_trust ON payments (id) WHERE status = 'COMPLETED' AND paid_minor IS NULL;
COMMENT ON INDEX payments_on_trust IS 'Invoices granted when they were issued, whose money is still to come: few, and asked for one by one.';
CREATE INDEX payments_completed ON payments (created_at, id) WHERE status = 'COMPLETED';
COMMENT ON INDEX payments_completed IS 'Day by day they are compared with what Stripe has.';
