-- Who people are and how they prove it. Secrets are stored as hashes only.

CREATE TABLE users (
    id uuid PRIMARY KEY,
    email text NOT NULL CONSTRAINT one_user_per_address UNIQUE,
    first_name text NOT NULL,
    last_name text NOT NULL,
    role text NOT NULL CHECK (role IN ('STUDENT', 'INSTRUCTOR')),
    is_admin boolean NOT NULL DEFAULT false,
    password_hash text,
    identity_issuer text,
    identity_subject text,
    stripe_customer_id text CONSTRAINT one_user_per_customer UNIQUE,
    default_payment_method text,
    disabled_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT topup_now(),
    CONSTRAINT one_user_per_identity UNIQUE (identity_issuer, identity_subject),
    CONSTRAINT identity_is_whole CHECK (num_nonnulls(identity_issuer, identity_subject) IN (0, 2))
);
COMMENT ON COLUMN users.email IS 'Canonical form (topup.core.addresses), so that uniqueness means one person.';

CREATE TABLE pending_registrations (
    id uuid PRIMARY KEY,
    email text NOT NULL,
    first_name text NOT NULL,
    last_name text NOT NULL,
    role text NOT NULL CHECK (role IN ('STUDENT', 'INSTRUCTOR')),
    password_hash text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT topup_now()
);
CREATE INDEX pending_registrations_by_email ON pending_registrations (email, created_at DESC);

CREATE TABLE codes (
    id uuid PRIMARY KEY,
    purpose text NOT NULL CHECK (purpose IN ('REGISTER', 'RESET')),
    email text NOT NULL,
    registration_id uuid REFERENCES pending_registrations,
    user_id uuid REFERENCES users,
    code_hmac bytea NOT NULL,
    attempts smallint NOT NULL DEFAULT 0 CONSTRAINT five_tries CHECK (attempts BETWEEN 0 AND 5),
    created_at timestamptz NOT NULL DEFAULT topup_now(),
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    ended_at timestamptz,
    CONSTRAINT code_is_for_something CHECK (num_nonnulls(registration_id, user_id) = 1)
);
CREATE UNIQUE INDEX one_living_code ON codes (purpose, email) WHERE used_at IS NULL AND ended_at IS NULL;
COMMENT ON COLUMN codes.attempts IS 'Counted before the comparison, so that parallel guesses cannot beat it (faults 71).';

CREATE TABLE logins (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users,
    kind text NOT NULL CHECK (kind IN ('API', 'PAGE')),
    cookie_hash bytea CONSTRAINT one_login_per_cookie UNIQUE,
    created_at timestamptz NOT NULL DEFAULT topup_now(),
    seen_at timestamptz NOT NULL DEFAULT topup_now(),
    expires_at timestamptz NOT NULL,
    ended_at timestamptz,
    ended_reason text
);
CREATE INDEX logins_by_user ON logins (user_id) WHERE ended_at IS NULL;
COMMENT ON TABLE logins IS 'One signed-in device. Every request looks at its row, so that signing out, a ban and a changed role act at once.';

CREATE TABLE refresh_tokens (
    id uuid PRIMARY KEY,
    login_id uuid NOT NULL REFERENCES logins,
    token_hash bytea NOT NULL CONSTRAINT one_row_per_refresh_token UNIQUE,
    created_at timestamptz NOT NULL DEFAULT topup_now(),
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);
CREATE INDEX refresh_tokens_by_login ON refresh_tokens (login_id);

CREATE TABLE api_keys (
    id uuid PRIMARY KEY,
    application_id uuid NOT NULL,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    prefix text NOT NULL CONSTRAINT one_key_per_prefix UNIQUE,
    secret_hash bytea NOT NULL,
    scopes text[] NOT NULL CHECK (scopes <@ ARRAY['read', 'spend', 'grant', 'admin'] AND cardinality(scopes) > 0),
    created_by uuid REFERENCES users,
    created_at timestamptz NOT NULL DEFAULT topup_now(),
    expires_at timestamptz,
    last_used_at timestamptz,
    revoked_at timestamptz
);
COMMENT ON COLUMN api_keys.application_id IS 'The host application; it outlives the rotation of its key, so a retry with the new key replays the old answer.';

CREATE TABLE rate_limits (
    bucket text PRIMARY KEY,
    arrives_at timestamptz NOT NULL
);
COMMENT ON TABLE rate_limits IS 'GCRA: arrives_at is the theoretical arrival time of the next conforming call of the bucket.';
