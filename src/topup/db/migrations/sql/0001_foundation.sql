-- What kind of deployment this database belongs to, and what time it is.

CREATE TABLE deployment (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    mode text CHECK (mode IN ('test', 'live')),
    stripe_account text,
    is_demo boolean NOT NULL DEFAULT false,
    clock_offset interval NOT NULL DEFAULT '0',
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT clock_moves_in_demo_only CHECK (clock_offset = '0' OR is_demo),
    CONSTRAINT demo_is_never_live CHECK (NOT is_demo OR mode IS DISTINCT FROM 'live')
);
COMMENT ON TABLE deployment IS 'One row. A start with another Stripe mode or account than the remembered one is refused.';
INSERT INTO deployment DEFAULT VALUES;

CREATE FUNCTION topup_now() RETURNS timestamptz LANGUAGE sql VOLATILE PARALLEL RESTRICTED AS
$$ SELECT clock_timestamp() + clock_offset FROM deployment $$;
COMMENT ON FUNCTION topup_now IS 'Money''s time: the wall clock at the call, not at the start of the transaction, which may be older than a wait for a lock.';

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN
    RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
END $$;
COMMENT ON FUNCTION refuse_change IS 'Guards tables whose rows are history.';
