-- The ledger: accounts, transfers, entries, lots, holds. Written by topup.ledger.journal and nothing else.

CREATE TABLE accounts (
    id uuid PRIMARY KEY,
    unit text NOT NULL CHECK (unit IN ('credit', 'session')),
    system_name text CHECK (system_name IN ('stripe_sales', 'promotions', 'usage', 'expired', 'clawbacks', 'adjustments')),
    user_id uuid REFERENCES users,
    external_id text CHECK (length(external_id) BETWEEN 1 AND 255),
    email text,
    name text,
    balance bigint NOT NULL DEFAULT 0,
    held bigint NOT NULL DEFAULT 0,
    debt bigint NOT NULL DEFAULT 0,
    seq bigint NOT NULL DEFAULT 0,
    head_hash bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex'),
    frozen_at timestamptz,
    frozen_reason text,
    created_at timestamptz NOT NULL DEFAULT topup_now(),
    CONSTRAINT account_has_one_unit UNIQUE (id, unit),
    CONSTRAINT account_has_one_owner CHECK (num_nonnulls(system_name, user_id, external_id) = 1),
    CONSTRAINT debt_is_not_negative CHECK (debt >= 0),
    CONSTRAINT held_is_not_negative CHECK (held >= 0),
    CONSTRAINT nothing_is_overspent CHECK (balance >= held - debt),
    CONSTRAINT debt_leaves_nothing_to_spend CHECK (debt = 0 OR balance = held - debt),
    CONSTRAINT system_accounts_keep_no_balance CHECK (system_name IS NULL OR (balance = 0 AND held = 0 AND debt = 0 AND seq = 0))
);
CREATE UNIQUE INDEX one_system_account_per_unit ON accounts (system_name, unit) WHERE system_name IS NOT NULL;
CREATE UNIQUE INDEX one_account_per_user ON accounts (user_id, unit) WHERE user_id IS NOT NULL;
CREATE UNIQUE INDEX one_account_per_external_id ON accounts (external_id, unit) WHERE external_id IS NOT NULL;
CREATE INDEX accounts_by_email ON accounts (email) WHERE email IS NOT NULL;
CREATE INDEX accounts_by_unit ON accounts (unit, id) WHERE system_name IS NULL;
COMMENT ON COLUMN accounts.balance IS 'Sum of the account''s entries = sum over its lots of (remaining + held) - debt. Negative in debt.';
COMMENT ON COLUMN accounts.seq IS 'Number of the last entry; dense from 1.';
COMMENT ON COLUMN accounts.head_hash IS 'Hash of the last entry; 32 zero bytes before the first.';

INSERT INTO accounts (id, unit, system_name) VALUES
    ('00000000-0000-7000-8000-000000000001', 'credit', 'stripe_sales'),
    ('00000000-0000-7000-8000-000000000002', 'credit', 'promotions'),
    ('00000000-0000-7000-8000-000000000003', 'credit', 'usage'),
    ('00000000-0000-7000-8000-000000000004', 'credit', 'expired'),
    ('00000000-0000-7000-8000-000000000005', 'credit', 'clawbacks'),
    ('00000000-0000-7000-8000-000000000006', 'credit', 'adjustments'),
    ('00000000-0000-7000-8000-000000000011', 'session', 'stripe_sales'),
    ('00000000-0000-7000-8000-000000000012', 'session', 'promotions'),
    ('00000000-0000-7000-8000-000000000013', 'session', 'usage'),
    ('00000000-0000-7000-8000-000000000014', 'session', 'expired'),
    ('00000000-0000-7000-8000-000000000015', 'session', 'clawbacks'),
    ('00000000-0000-7000-8000-000000000016', 'session', 'adjustments');

CREATE TABLE transfers (
    id uuid PRIMARY KEY,
    debit_account uuid NOT NULL,
    credit_account uuid NOT NULL,
    unit text NOT NULL,
    amount bigint NOT NULL CONSTRAINT amount_is_positive_and_exact_in_json CHECK (amount BETWEEN 1 AND 9007199254740991),
    kind text NOT NULL CHECK (kind IN ('PURCHASE', 'WELCOME_BONUS', 'USAGE', 'HOLD_CAPTURE', 'REVERSAL', 'REFUND',
                                       'DISPUTE', 'EXPIRY', 'ADJUSTMENT', 'TRANSFER', 'PROMOTION')),
    cause_type text NOT NULL,
    cause_id text NOT NULL,
    reverses uuid CONSTRAINT reversed_at_most_once UNIQUE REFERENCES transfers,
    actor text NOT NULL,
    text_digest bytea,
    recorded_at timestamptz NOT NULL,
    CONSTRAINT one_transfer_per_cause UNIQUE (cause_type, cause_id),
    CONSTRAINT words_of_the_chain_are_words CHECK (cause_type !~ '\s' AND actor !~ '\s'),
    CONSTRAINT two_different_sides CHECK (debit_account <> credit_account),
    CONSTRAINT debit_side_has_the_unit FOREIGN KEY (debit_account, unit) REFERENCES accounts (id, unit),
    CONSTRAINT credit_side_has_the_unit FOREIGN KEY (credit_account, unit) REFERENCES accounts (id, unit)
);
COMMENT ON TABLE transfers IS 'One movement between two accounts: double entry by construction, since every row names both sides.';
COMMENT ON CONSTRAINT one_transfer_per_cause ON transfers IS 'What makes a repeat harmless: a payment, a welcome, a request moves credits once (faults 1-4).';

CREATE TABLE transfer_texts (
    transfer_id uuid PRIMARY KEY REFERENCES transfers,
    description text,
    source_id text,
    metadata json,
    salt bytea NOT NULL
);
COMMENT ON TABLE transfer_texts IS 'Free text, which may name a person and can be erased; the chain holds a salted digest of it, so it survives the erasure. metadata is json, not jsonb: the digest needs its very text.';

CREATE TABLE entries (
    account_id uuid NOT NULL,
    seq bigint NOT NULL CHECK (seq > 0),
    id uuid NOT NULL CONSTRAINT one_entry_per_id UNIQUE,
    transfer_id uuid NOT NULL REFERENCES transfers,
    amount bigint NOT NULL CHECK (amount <> 0),
    balance_after bigint NOT NULL,
    debt_change bigint NOT NULL DEFAULT 0,
    hash bytea NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, seq)
);
COMMENT ON TABLE entries IS 'A transfer seen from one customer account: a statement line. amount = sum of its entry_lots - debt_change.';

CREATE TABLE lots (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES accounts,
    transfer_id uuid NOT NULL REFERENCES transfers,
    opened_seq bigint NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    remaining bigint NOT NULL CHECK (remaining >= 0),
    held bigint NOT NULL DEFAULT 0 CHECK (held >= 0),
    priority smallint NOT NULL CHECK (priority BETWEEN 0 AND 100),
    expires_at timestamptz,
    source text NOT NULL,
    payment_id uuid,
    created_at timestamptz NOT NULL,
    CONSTRAINT lot_never_grows CHECK (remaining + held <= amount)
);
CREATE INDEX living_lots ON lots (account_id) WHERE remaining > 0 OR held > 0;
CREATE INDEX lots_of_payment ON lots (payment_id) WHERE payment_id IS NOT NULL;
CREATE INDEX lots_to_expire ON lots (expires_at) WHERE remaining > 0 AND expires_at IS NOT NULL;
COMMENT ON COLUMN lots.opened_seq IS 'The entry that brought the lot: its age. Burn order is priority, expires_at (never last), opened_seq, id.';

CREATE TABLE entry_lots (
    account_id uuid NOT NULL,
    seq bigint NOT NULL,
    lot_id uuid NOT NULL REFERENCES lots,
    amount bigint NOT NULL CHECK (amount <> 0),
    PRIMARY KEY (account_id, seq, lot_id)
);
COMMENT ON TABLE entry_lots IS 'Which lot an entry filled or emptied: per lot the amounts add up to remaining + held.';

CREATE TABLE holds (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES accounts,
    kind text NOT NULL CHECK (kind IN ('HOST', 'DISPUTE')),
    amount bigint NOT NULL CHECK (amount > 0),
    captured bigint NOT NULL DEFAULT 0,
    status text NOT NULL CHECK (status IN ('OPEN', 'CAPTURED', 'RELEASED', 'EXPIRED')),
    expires_at timestamptz,
    description text,
    payment_id uuid,
    actor text NOT NULL,
    created_at timestamptz NOT NULL,
    closed_at timestamptz,
    CONSTRAINT captured_within_hold CHECK (captured BETWEEN 0 AND amount),
    CONSTRAINT host_holds_end CHECK ((kind = 'HOST') = (expires_at IS NOT NULL)),
    CONSTRAINT host_holds_end_within_a_day CHECK (expires_at <= created_at + interval '24 hours'),
    CONSTRAINT closed_once CHECK ((status = 'OPEN') = (closed_at IS NULL))
);
CREATE INDEX open_holds ON holds (account_id) WHERE status = 'OPEN';
CREATE INDEX open_holds_by_end ON holds (expires_at) WHERE status = 'OPEN' AND expires_at IS NOT NULL;

CREATE TABLE hold_lots (
    hold_id uuid NOT NULL REFERENCES holds,
    lot_id uuid NOT NULL REFERENCES lots,
    amount bigint NOT NULL CHECK (amount > 0),
    remaining bigint NOT NULL CONSTRAINT remaining_within_hold CHECK (remaining BETWEEN 0 AND amount),
    PRIMARY KEY (hold_id, lot_id)
);
COMMENT ON COLUMN hold_lots.remaining IS 'Still held; per lot the open holds'' remaining add up to lots.held.';

CREATE TABLE idempotency (
    principal text NOT NULL,
    route text NOT NULL,
    key text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    fingerprint bytea NOT NULL,
    status smallint NOT NULL,
    answer json NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT topup_now(),
    CONSTRAINT one_answer_per_key PRIMARY KEY (principal, route, key)
);
COMMENT ON TABLE idempotency IS 'The first answer to a keyed request, written in the transaction of its effect and kept as long as the ledger. answer is json, not jsonb: a repeat gets the very same bytes.';

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON transfers FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON entries FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON entry_lots FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER born_as_it_stays BEFORE UPDATE OF account_id, transfer_id, opened_seq, amount, priority, expires_at, source, payment_id, created_at
    ON lots FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER keep_for_ever BEFORE DELETE OR TRUNCATE ON lots FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER keep_for_ever BEFORE DELETE OR TRUNCATE ON holds FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER keep_for_ever BEFORE DELETE OR TRUNCATE ON hold_lots FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER keep_for_ever BEFORE DELETE OR TRUNCATE ON accounts FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
