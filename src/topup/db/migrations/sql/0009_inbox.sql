-- The inbox as an operator works with it: what may be pruned, and what stands in debt or frozen, found without a search.

CREATE INDEX events_with_payload ON stripe_events (received_at) WHERE payload IS NOT NULL;
COMMENT ON INDEX events_with_payload IS 'What pruning still has to do; it shrinks as payloads go.';

CREATE INDEX accounts_in_debt ON accounts (id) WHERE debt > 0;
CREATE INDEX accounts_frozen ON accounts (id) WHERE frozen_at IS NOT NULL;
COMMENT ON INDEX accounts_in_debt IS 'Counted every few seconds for the figures.';
