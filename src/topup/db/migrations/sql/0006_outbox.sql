-- What must leave the house after a commit: mails now, webhooks of ours later.

CREATE TABLE outbox (
    id uuid PRIMARY KEY,
    kind text NOT NULL,
    cause text NOT NULL,
    recipient text NOT NULL,
    details jsonb NOT NULL,
    is_urgent boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT topup_now(),
    next_try_at timestamptz NOT NULL DEFAULT topup_now(),
    attempts integer NOT NULL DEFAULT 0,
    sent_at timestamptz,
    given_up_at timestamptz,
    last_error text,
    CONSTRAINT one_message_per_cause UNIQUE (kind, cause)
);
CREATE INDEX outbox_waiting ON outbox (is_urgent DESC, next_try_at) WHERE sent_at IS NULL AND given_up_at IS NULL;
COMMENT ON COLUMN outbox.is_urgent IS 'Somebody waits at a screen for it (a code): it goes before any backlog.';
COMMENT ON CONSTRAINT one_message_per_cause ON outbox IS 'However often a cause is told, one message is written.';

CREATE TABLE mailbox (
    id uuid PRIMARY KEY,
    recipient text NOT NULL,
    subject text NOT NULL,
    text_body text NOT NULL,
    html_body text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT topup_now()
);
CREATE INDEX mailbox_by_age ON mailbox (created_at DESC);
COMMENT ON TABLE mailbox IS 'Mails of a demo, which leave the house for this page only.';

CREATE TABLE heartbeats (
    name text PRIMARY KEY,
    beaten_at timestamptz NOT NULL DEFAULT topup_now(),
    last_error text
);
COMMENT ON TABLE heartbeats IS 'When each worker loop and periodic task last succeeded.';
