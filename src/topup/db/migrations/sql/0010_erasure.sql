-- A person can be erased: who they were goes, what was moved and paid stays.

ALTER TABLE users
    ADD COLUMN erased_at timestamptz,
    ADD CONSTRAINT erased_is_nobody CHECK (erased_at IS NULL OR (
        email = 'erased-' || id || '@erased.invalid' AND first_name = '' AND last_name = '' AND NOT is_admin
        AND num_nonnulls(password_hash, identity_issuer, identity_subject, stripe_customer_id, default_payment_method) = 0
        AND disabled_at IS NOT NULL));
COMMENT ON CONSTRAINT erased_is_nobody ON users IS 'Of an erased person only the id is left, which the ledger names (faults 96).';

CREATE FUNCTION without_words(answer json) RETURNS json LANGUAGE sql IMMUTABLE AS
$$ SELECT json_object_agg(key, CASE
       WHEN key IN ('description', 'metadata', 'sourceId') THEN 'null'::json
       WHEN key IN ('debit', 'credit') AND json_typeof(value) = 'object' THEN without_words(value)
       ELSE value END)
   FROM json_each(answer) $$;
COMMENT ON FUNCTION without_words IS 'A kept answer without the free text that its caller gave; a transfer answers with both its sides.';
