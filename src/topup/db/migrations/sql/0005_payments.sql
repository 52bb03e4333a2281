-- Attempts to buy, and what Stripe said about them.

CREATE TABLE payments (
    id uuid PRIMARY KEY,
    user_id uuid REFERENCES users,
    account_id uuid NOT NULL REFERENCES accounts,
    channel text NOT NULL CHECK (channel IN ('CHECKOUT', 'PAYMENT_INTENT', 'INVOICE')),
    status text NOT NULL CHECK (status IN ('PENDING', 'PROCESSING', 'COMPLETED', 'EXPIRED', 'FAILED', 'REVIEW')),
    review_reason text,
    package_id uuid REFERENCES packages,
    package_name text NOT NULL,
    unit text NOT NULL,
    credits bigint NOT NULL CHECK (credits > 0),
    price_minor bigint NOT NULL CHECK (price_minor > 0),
    currency text NOT NULL CHECK (currency ~ '^[a-z]{3}$'),
    valid_days integer,
    refund_days integer,
    is_live boolean NOT NULL,
    attempt smallint NOT NULL DEFAULT 1,
    stripe_customer_id text,
    stripe_session_id text CONSTRAINT one_payment_per_session UNIQUE,
    stripe_intent_id text CONSTRAINT one_payment_per_intent UNIQUE,
    stripe_invoice_id text CONSTRAINT one_payment_per_invoice UNIQUE,
    checkout_url text,
    expires_at timestamptz,
    paid_minor bigint,
    refunded_minor bigint NOT NULL DEFAULT 0 CHECK (refunded_minor >= 0),
    disputed_minor bigint NOT NULL DEFAULT 0 CHECK (disputed_minor >= 0),
    clawback_rev integer NOT NULL DEFAULT 0,
    receipt_url text,
    invoice_number text,
    metadata jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT topup_now(),
    completed_at timestamptz,
    CONSTRAINT completed_has_its_time CHECK ((status = 'COMPLETED') = (completed_at IS NOT NULL)),
    CONSTRAINT review_has_its_reason CHECK (status <> 'REVIEW' OR review_reason IS NOT NULL)
);
CREATE UNIQUE INDEX one_open_checkout ON payments (user_id, package_id, price_minor, credits, currency)
    WHERE status = 'PENDING' AND channel = 'CHECKOUT';
CREATE INDEX payments_of_user ON payments (user_id, id DESC);
CREATE INDEX payments_in_motion ON payments (created_at) WHERE status IN ('PENDING', 'PROCESSING', 'REVIEW');
COMMENT ON INDEX one_open_checkout IS 'A double click on Buy finds the first click''s checkout (faults 50).';

CREATE FUNCTION guard_payment() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN
    IF (OLD.user_id, OLD.account_id, OLD.channel, OLD.package_id, OLD.package_name, OLD.unit, OLD.credits,
        OLD.price_minor, OLD.currency, OLD.valid_days, OLD.refund_days, OLD.is_live)
       IS DISTINCT FROM
       (NEW.user_id, NEW.account_id, NEW.channel, NEW.package_id, NEW.package_name, NEW.unit, NEW.credits,
        NEW.price_minor, NEW.currency, NEW.valid_days, NEW.refund_days, NEW.is_live) THEN
        RAISE EXCEPTION 'the snapshot of payment % never changes', OLD.id USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.status <> NEW.status AND (OLD.status, NEW.status) NOT IN (
        ('PENDING', 'PROCESSING'), ('PENDING', 'COMPLETED'), ('PENDING', 'EXPIRED'), ('PENDING', 'REVIEW'),
        ('PROCESSING', 'COMPLETED'), ('PROCESSING', 'FAILED'), ('PROCESSING', 'REVIEW'),
        ('EXPIRED', 'COMPLETED'), ('EXPIRED', 'REVIEW'),
        ('FAILED', 'COMPLETED'), ('FAILED', 'REVIEW'), ('REVIEW', 'COMPLETED'), ('REVIEW', 'FAILED'), ('PENDING', 'FAILED')
    ) THEN
        RAISE EXCEPTION 'payment % cannot go from % to %', OLD.id, OLD.status, NEW.status USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER guard BEFORE UPDATE ON payments FOR EACH ROW EXECUTE FUNCTION guard_payment();
COMMENT ON FUNCTION guard_payment IS 'The snapshot is what was bought (faults 58); a status moves only along topup.core.payments (faults 5).';
CREATE TRIGGER keep_for_ever BEFORE DELETE OR TRUNCATE ON payments FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE stripe_events (
    id text PRIMARY KEY,
    type text NOT NULL,
    object_id text,
    api_version text,
    is_live boolean NOT NULL,
    payload json,
    happened_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL DEFAULT topup_now(),
    processed_at timestamptz,
    outcome text,
    attempts integer NOT NULL DEFAULT 0,
    next_try_at timestamptz,
    last_error text,
    CONSTRAINT processed_says_how CHECK ((processed_at IS NULL) = (outcome IS NULL))
);
CREATE INDEX events_to_process ON stripe_events (next_try_at) WHERE processed_at IS NULL;
CREATE INDEX events_by_arrival ON stripe_events (received_at DESC, id);
COMMENT ON TABLE stripe_events IS 'The inbox. A row is marked processed in the transaction of its effect; payloads may be pruned, ids stay for ever.';
