-- What is sold.

CREATE TABLE packages (
    id uuid PRIMARY KEY,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    description text CHECK (length(description) <= 500),
    unit text NOT NULL DEFAULT 'credit' CHECK (unit IN ('credit', 'session')),
    credits bigint NOT NULL CHECK (credits BETWEEN 1 AND 100000),
    price_minor bigint NOT NULL CHECK (price_minor BETWEEN 1 AND 10000000),
    currency text NOT NULL CHECK (currency ~ '^[a-z]{3}$'),
    is_active boolean NOT NULL DEFAULT true,
    valid_days integer CHECK (valid_days BETWEEN 1 AND 36500),
    refund_days integer CHECK (refund_days BETWEEN 0 AND 36500),
    created_at timestamptz NOT NULL DEFAULT topup_now(),
    updated_at timestamptz NOT NULL DEFAULT topup_now()
);
CREATE UNIQUE INDEX package_name_taken ON packages (lower(name));
CREATE INDEX packages_on_sale ON packages (price_minor, id) WHERE is_active;
