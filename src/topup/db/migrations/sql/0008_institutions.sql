-- Institutions: who belongs to them, what they buy, and to whom they give it.

CREATE TABLE institutions (
    id uuid PRIMARY KEY,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    billing_email text NOT NULL,
    company text CHECK (length(company) <= 200),
    address_line1 text CHECK (length(address_line1) <= 200),
    address_line2 text CHECK (length(address_line2) <= 200),
    city text CHECK (length(city) <= 100),
    postal_code text CHECK (length(postal_code) <= 30),
    country text CHECK (country ~ '^[A-Z]{2}$'),
    tax_id_type text,
    tax_id text CHECK (length(tax_id) <= 50),
    is_granted_at_issue boolean NOT NULL DEFAULT false,
    stripe_customer_id text CONSTRAINT one_institution_per_customer UNIQUE,
    stripe_details_rev integer NOT NULL DEFAULT 0,
    details_rev integer NOT NULL DEFAULT 1,
    default_payment_method text,
    created_by uuid NOT NULL REFERENCES users,
    created_at timestamptz NOT NULL DEFAULT topup_now(),
    CONSTRAINT tax_id_is_whole CHECK (num_nonnulls(tax_id_type, tax_id) IN (0, 2))
);
COMMENT ON COLUMN institutions.is_granted_at_issue IS 'Trusted: sessions bought by invoice are granted when it is issued, not when it is paid.';
COMMENT ON COLUMN institutions.details_rev IS 'Counts changes of the billing details; stripe_details_rev is the last one that Stripe knows of.';

CREATE TABLE memberships (
    id uuid PRIMARY KEY,
    institution_id uuid NOT NULL REFERENCES institutions,
    email text NOT NULL,
    user_id uuid REFERENCES users,
    role text NOT NULL CHECK (role IN ('OWNER', 'BILLING', 'MANAGER', 'STUDENT')),
    status text NOT NULL CHECK (status IN ('INVITED', 'ACTIVE', 'LEFT')),
    invited_by uuid REFERENCES users,
    created_at timestamptz NOT NULL DEFAULT topup_now(),
    joined_at timestamptz,
    left_at timestamptz,
    CONSTRAINT active_is_somebody CHECK (status <> 'ACTIVE' OR (user_id IS NOT NULL AND joined_at IS NOT NULL)),
    CONSTRAINT left_has_its_time CHECK ((status = 'LEFT') = (left_at IS NOT NULL))
);
CREATE UNIQUE INDEX one_membership_per_address ON memberships (institution_id, email) WHERE status <> 'LEFT';
CREATE UNIQUE INDEX one_membership_per_user ON memberships (institution_id, user_id) WHERE status <> 'LEFT' AND user_id IS NOT NULL;
CREATE INDEX memberships_of_user ON memberships (user_id) WHERE status = 'ACTIVE';
CREATE INDEX memberships_invited ON memberships (email) WHERE status = 'INVITED';
CREATE INDEX memberships_of_institution ON memberships (institution_id, id DESC) WHERE status <> 'LEFT';
COMMENT ON COLUMN memberships.email IS 'Canonical address. Somebody without an account is INVITED under it and claims the row at sign-up.';

CREATE TABLE invitations (
    id uuid PRIMARY KEY,
    membership_id uuid NOT NULL REFERENCES memberships,
    token_hash bytea NOT NULL CONSTRAINT one_invitation_per_token UNIQUE,
    created_at timestamptz NOT NULL DEFAULT topup_now(),
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    revoked_at timestamptz
);
CREATE UNIQUE INDEX one_living_invitation ON invitations (membership_id) WHERE used_at IS NULL AND revoked_at IS NULL;

CREATE TABLE session_prices (
    min_quantity bigint PRIMARY KEY CHECK (min_quantity BETWEEN 1 AND 100000),
    unit_price_minor bigint NOT NULL CHECK (unit_price_minor BETWEEN 1 AND 10000000),
    currency text NOT NULL CHECK (currency ~ '^[a-z]{3}$')
);
COMMENT ON TABLE session_prices IS 'The tier that a quantity reaches prices the whole quantity.';

ALTER TABLE accounts
    ADD COLUMN institution_id uuid REFERENCES institutions,
    ADD COLUMN membership_id uuid REFERENCES memberships,
    DROP CONSTRAINT account_has_one_owner,
    ADD CONSTRAINT account_has_one_owner
        CHECK (num_nonnulls(system_name, user_id, external_id, institution_id, membership_id) = 1),
    ADD CONSTRAINT institutions_hold_sessions
        CHECK (num_nonnulls(institution_id, membership_id) = 0 OR unit = 'session');
CREATE UNIQUE INDEX one_pool_per_institution ON accounts (institution_id) WHERE institution_id IS NOT NULL;
CREATE UNIQUE INDEX one_session_account_per_member ON accounts (membership_id) WHERE membership_id IS NOT NULL;
COMMENT ON COLUMN accounts.institution_id IS 'Set on an institution''s pool.';
COMMENT ON COLUMN accounts.membership_id IS 'Set on the sessions that a student has from one institution.';

ALTER TABLE payments
    ADD COLUMN institution_id uuid REFERENCES institutions,
    ADD COLUMN unit_price_minor bigint CHECK (unit_price_minor > 0),
    ADD COLUMN is_card_saved boolean NOT NULL DEFAULT false,
    ADD COLUMN stripe_method_id text,
    ADD COLUMN request_key bytea CONSTRAINT one_payment_per_request UNIQUE,
    ADD COLUMN is_on_trust boolean NOT NULL DEFAULT false,
    ADD COLUMN hosted_invoice_url text,
    ADD COLUMN due_at timestamptz,
    ADD CONSTRAINT whole_quantity_at_one_price
        CHECK (unit_price_minor IS NULL OR price_minor = unit_price_minor * credits);
CREATE INDEX payments_of_institution ON payments (institution_id, id DESC) WHERE institution_id IS NOT NULL;

COMMENT ON COLUMN payments.is_on_trust IS 'Granted when its invoice was issued; the money comes later, or an admin hears that it does not.';
COMMENT ON COLUMN payments.stripe_method_id IS 'The saved card that the buyer chose for this purchase.';
COMMENT ON COLUMN payments.request_key IS 'Digest of whose idempotency key asked for it, so that a repeat after a crash finds this purchase (faults 31).';

CREATE FUNCTION guard_session_purchase() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN
    IF (OLD.institution_id, OLD.unit_price_minor, OLD.is_card_saved, OLD.stripe_method_id, OLD.request_key)
       IS DISTINCT FROM
       (NEW.institution_id, NEW.unit_price_minor, NEW.is_card_saved, NEW.stripe_method_id, NEW.request_key) THEN
        RAISE EXCEPTION 'the snapshot of payment % never changes', OLD.id USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER guard_sessions BEFORE UPDATE ON payments FOR EACH ROW EXECUTE FUNCTION guard_session_purchase();

CREATE TABLE payment_methods (
    id text PRIMARY KEY,
    user_id uuid REFERENCES users,
    institution_id uuid REFERENCES institutions,
    stripe_customer_id text NOT NULL,
    brand text NOT NULL,
    last4 text NOT NULL,
    exp_month smallint NOT NULL,
    exp_year smallint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT topup_now(),
    detached_at timestamptz,
    CONSTRAINT method_has_one_owner CHECK (num_nonnulls(user_id, institution_id) = 1)
);
CREATE INDEX payment_methods_of_institution ON payment_methods (institution_id) WHERE detached_at IS NULL;
CREATE INDEX payment_methods_of_user ON payment_methods (user_id) WHERE detached_at IS NULL;
COMMENT ON TABLE payment_methods IS 'Whose card is whose, by Stripe''s id: a detached method at Stripe no longer says whose it was.';

CREATE SEQUENCE invoice_numbers;
CREATE TABLE invoices (
    id uuid PRIMARY KEY,
    institution_id uuid NOT NULL REFERENCES institutions,
    payment_id uuid NOT NULL REFERENCES payments CONSTRAINT one_invoice_per_payment UNIQUE,
    number text CONSTRAINT one_invoice_per_number UNIQUE,
    status text NOT NULL CHECK (status IN ('draft', 'open', 'paid', 'void', 'uncollectible')),
    amount_due_minor bigint NOT NULL CHECK (amount_due_minor >= 0),
    amount_paid_minor bigint NOT NULL DEFAULT 0 CHECK (amount_paid_minor >= 0),
    currency text NOT NULL,
    stripe_invoice_id text CONSTRAINT one_row_per_stripe_invoice UNIQUE,
    hosted_url text,
    pdf_url text,
    billed_to jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT topup_now(),
    paid_at timestamptz
);
CREATE INDEX invoices_of_institution ON invoices (institution_id, id DESC);
CREATE FUNCTION billed_to(institutions) RETURNS jsonb LANGUAGE sql STABLE AS
$$ SELECT jsonb_strip_nulls(jsonb_build_object('name', $1.name, 'company', $1.company, 'email', $1.billing_email,
    'line1', $1.address_line1, 'line2', $1.address_line2, 'city', $1.city, 'postalCode', $1.postal_code,
    'country', $1.country, 'taxId', $1.tax_id)) $$;
COMMENT ON FUNCTION billed_to IS 'Whom an invoice made now is billed to; the keys are the names that papers use.';
COMMENT ON COLUMN invoices.billed_to IS 'Name, address and tax id as they were when the invoice was made.';

CREATE TABLE allocations (
    id uuid PRIMARY KEY,
    institution_id uuid NOT NULL REFERENCES institutions,
    membership_id uuid NOT NULL REFERENCES memberships,
    account_id uuid NOT NULL REFERENCES accounts,
    quantity bigint NOT NULL CHECK (quantity > 0),
    transfer_id uuid NOT NULL CONSTRAINT one_allocation_per_transfer UNIQUE,
    roster_key text,
    ends_at timestamptz,
    given_by uuid REFERENCES users,
    created_at timestamptz NOT NULL DEFAULT topup_now(),
    closed_at timestamptz,
    returned bigint NOT NULL DEFAULT 0 CHECK (returned >= 0),
    expired bigint NOT NULL DEFAULT 0 CHECK (expired >= 0),
    CONSTRAINT returned_within_allocation CHECK (returned + expired <= quantity),
    CONSTRAINT one_allocation_per_roster_row UNIQUE (institution_id, roster_key)
);
CREATE INDEX allocations_of_institution ON allocations (institution_id, id DESC);
CREATE INDEX allocations_of_membership ON allocations (membership_id);
CREATE INDEX allocations_ending ON allocations (ends_at) WHERE closed_at IS NULL AND ends_at IS NOT NULL;
COMMENT ON COLUMN allocations.returned IS 'Went back to the pool: taken back, or unused when it ended. What expired for good is counted in expired.';
COMMENT ON COLUMN allocations.roster_key IS 'Names the row of the roster it came from, so that importing the same file again gives nothing twice.';

ALTER TABLE lots
    ADD COLUMN returns_to uuid REFERENCES accounts,
    ADD COLUMN own_expires_at timestamptz;
COMMENT ON COLUMN lots.returns_to IS 'An allocated lot goes back to this pool when it ends, instead of expiring; own_expires_at is the expiry it then has again.';
CREATE INDEX lots_to_return ON lots (returns_to, account_id) WHERE returns_to IS NOT NULL AND (remaining > 0 OR held > 0);
CREATE OR REPLACE TRIGGER born_as_it_stays
    BEFORE UPDATE OF account_id, transfer_id, opened_seq, amount, priority, expires_at, source, payment_id, created_at,
                     returns_to, own_expires_at
    ON lots FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE allocation_ends (
    account_id uuid NOT NULL,
    seq bigint NOT NULL,
    lot_id uuid NOT NULL REFERENCES lots,
    credits bigint NOT NULL CHECK (credits > 0),
    settled_at timestamptz,
    PRIMARY KEY (account_id, seq),
    FOREIGN KEY (account_id, seq) REFERENCES entries (account_id, seq)
);
CREATE INDEX allocation_ends_due ON allocation_ends (account_id, seq) WHERE settled_at IS NULL;
COMMENT ON TABLE allocation_ends IS 'Lines that booked allocated credits as expired: each goes back to its pool once, unless the lot''s own expiry had passed too.';

CREATE TABLE roster_imports (
    id text NOT NULL,
    institution_id uuid NOT NULL REFERENCES institutions,
    rows_total integer NOT NULL,
    rows_done integer NOT NULL DEFAULT 0,
    status text NOT NULL CHECK (status IN ('RUNNING', 'DONE', 'FAILED')),
    started_at timestamptz NOT NULL DEFAULT topup_now(),
    finished_at timestamptz,
    PRIMARY KEY (institution_id, id),
    CONSTRAINT finished_has_its_time CHECK ((status = 'RUNNING') = (finished_at IS NULL))
);
COMMENT ON TABLE roster_imports IS 'How far the import of a roster is, written beside its one transaction for whoever waits; it decides nothing.';
