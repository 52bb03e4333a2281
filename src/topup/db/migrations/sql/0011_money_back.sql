-- Money that goes back: refunds and disputes as Stripe tells them, what they took of the credits, what is still due.

ALTER TABLE payments
    ADD COLUMN charged_minor bigint CHECK (charged_minor >= 0),
    ADD COLUMN credits_taken_back bigint NOT NULL DEFAULT 0 CHECK (credits_taken_back >= 0),
    ADD COLUMN credits_expired_instead bigint NOT NULL DEFAULT 0 CHECK (credits_expired_instead >= 0),
    ADD CONSTRAINT taken_back_within_granted CHECK (credits_taken_back + credits_expired_instead <= credits),
    ADD CONSTRAINT refunded_within_charged CHECK (refunded_minor <= charged_minor);
COMMENT ON COLUMN payments.charged_minor IS 'What Stripe took, tax included: the whole of which refunds are parts. NULL until Stripe was asked for its refunds.';
COMMENT ON COLUMN payments.clawback_rev IS 'Counts how often refunds and disputes were compared with the ledger. Whoever read Stripe at another count starts over.';
COMMENT ON COLUMN payments.credits_taken_back IS 'Net of what the ledger took and gave back for this payment (R4).';
COMMENT ON COLUMN payments.credits_expired_instead IS 'Expired credits of this payment that count as taken back. Both together are the share of the money that went back (R1).';
COMMENT ON CONSTRAINT taken_back_within_granted ON payments IS 'R2: never more than was granted, however refunds and disputes cross (faults 47).';

CREATE TABLE refunds (
    id uuid PRIMARY KEY,
    payment_id uuid NOT NULL REFERENCES payments,
    stripe_refund_id text CONSTRAINT one_row_per_refund UNIQUE,
    stripe_intent_id text NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    currency text NOT NULL CHECK (currency ~ '^[a-z]{3}$'),
    status text NOT NULL,
    reason text,
    asked_by text,
    request_key bytea CONSTRAINT one_refund_per_request UNIQUE,
    failure text,
    created_at timestamptz NOT NULL DEFAULT topup_now(),
    next_try_at timestamptz,
    attempts integer NOT NULL DEFAULT 0,
    CONSTRAINT known_at_stripe_or_ours CHECK (stripe_refund_id IS NOT NULL OR asked_by IS NOT NULL),
    CONSTRAINT asked_until_stripe_answers CHECK ((status IN ('requested', 'refused')) = (stripe_refund_id IS NULL)),
    CONSTRAINT tried_while_requested CHECK ((status = 'requested') = (next_try_at IS NOT NULL))
);
CREATE INDEX refunds_of_payment ON refunds (payment_id, id);
CREATE INDEX refunds_to_ask ON refunds (next_try_at) WHERE status = 'requested';
COMMENT ON TABLE refunds IS 'Refunds of our payments, those asked for here and those made in Stripe''s dashboard.';
COMMENT ON COLUMN refunds.status IS 'requested: written here, Stripe''s answer is not known yet; refused: it will not happen; else Stripe''s own word.';
COMMENT ON COLUMN refunds.asked_by IS 'Who asked for it here; NULL when it was made at Stripe.';

CREATE TABLE disputes (
    stripe_dispute_id text PRIMARY KEY,
    payment_id uuid NOT NULL REFERENCES payments,
    amount_minor bigint NOT NULL CHECK (amount_minor >= 0),
    currency text NOT NULL CHECK (currency ~ '^[a-z]{3}$'),
    status text NOT NULL,
    reason text,
    withdrawn_minor bigint NOT NULL DEFAULT 0 CHECK (withdrawn_minor >= 0),
    reinstated_minor bigint NOT NULL DEFAULT 0 CHECK (reinstated_minor >= 0),
    answer_by timestamptz,
    opened_at timestamptz NOT NULL
);
CREATE INDEX disputes_of_payment ON disputes (payment_id, stripe_dispute_id);
COMMENT ON TABLE disputes IS 'Disputes of our payments, as Stripe tells them. status is Stripe''s own word; withdrawn and reinstated are its movements of funds.';

CREATE TABLE money_back_due (
    payment_id uuid PRIMARY KEY REFERENCES payments,
    marks bigint NOT NULL DEFAULT 1,
    attempts integer NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL DEFAULT topup_now(),
    since timestamptz NOT NULL DEFAULT topup_now(),
    last_error text
);
CREATE INDEX money_back_by_time ON money_back_due (due_at);
COMMENT ON TABLE money_back_due IS 'Payments whose refunds and disputes must be read at Stripe. Marked in the transaction that stores an event, gone when what was read then is applied.';
COMMENT ON COLUMN money_back_due.marks IS 'Counts marks, so that one that comes while a worker reads Stripe is not lost with the row.';

CREATE TABLE money_back_strays (
    intent_id text PRIMARY KEY,
    attempts integer NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL DEFAULT topup_now(),
    since timestamptz NOT NULL DEFAULT topup_now()
);
CREATE INDEX strays_by_time ON money_back_strays (due_at);
COMMENT ON TABLE money_back_strays IS 'Intents with a refund or a dispute that no payment is known to have: paid by invoice, not told of yet, or not ours at all.';

CREATE TABLE payment_resolutions (
    payment_id uuid PRIMARY KEY REFERENCES payments,
    outcome text NOT NULL CHECK (outcome IN ('COMPLETED', 'FAILED')),
    reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
    actor text NOT NULL,
    resolved_at timestamptz NOT NULL DEFAULT topup_now()
);
COMMENT ON TABLE payment_resolutions IS 'Who decided a payment that stood in REVIEW, how and why.';
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON payment_resolutions FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER keep_for_ever BEFORE DELETE OR TRUNCATE ON refunds FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER keep_for_ever BEFORE DELETE OR TRUNCATE ON disputes FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE UNIQUE INDEX one_dispute_hold_per_payment ON holds (payment_id) WHERE kind = 'DISPUTE' AND status = 'OPEN';
CREATE INDEX money_back_of_payment ON transfers (split_part(cause_id, ':', 1)) WHERE cause_type = 'money_back';
CREATE INDEX payments_by_status ON payments (status, id DESC) WHERE status IN ('REVIEW', 'PROCESSING', 'FAILED');
