-- Refunds and disputes that no delivery told of are marked as due by the comparison with Stripe, and counted.

ALTER TABLE reconciliations ADD COLUMN marked integer NOT NULL DEFAULT 0 CHECK (marked >= 0);
COMMENT ON COLUMN reconciliations.marked IS 'Payments whose refunds and disputes were found to be read anew.';
