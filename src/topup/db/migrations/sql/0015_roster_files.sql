-- Rosters that were uploaded to a page: looked at first, imported when somebody says so.

CREATE TABLE roster_files (
    institution_id uuid NOT NULL REFERENCES institutions,
    id text NOT NULL,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    content bytea NOT NULL CHECK (octet_length(content) <= 5 * 1024 * 1024),
    uploaded_by uuid NOT NULL REFERENCES users,
    uploaded_at timestamptz NOT NULL DEFAULT topup_now(),
    wanted_by uuid REFERENCES users,
    wanted_at timestamptz,
    done_at timestamptz,
    students_done integer,
    sessions_done bigint,
    refusal text,
    PRIMARY KEY (institution_id, id),
    CONSTRAINT wanted_by_somebody CHECK ((wanted_by IS NULL) = (wanted_at IS NULL)),
    CONSTRAINT done_has_its_end CHECK (
        CASE WHEN done_at IS NULL THEN num_nonnulls(refusal, students_done, sessions_done) = 0
        ELSE wanted_at IS NOT NULL AND num_nonnulls(students_done, sessions_done) = CASE WHEN refusal IS NULL THEN 2 ELSE 0 END END)
);
CREATE INDEX roster_files_wanted ON roster_files (wanted_at) WHERE wanted_at IS NOT NULL AND done_at IS NULL;
CREATE INDEX roster_files_by_age ON roster_files (uploaded_at);
COMMENT ON TABLE roster_files IS 'Files are named by their content, and forgotten after a while: they hold addresses. Whoever imports one locks its row.';
COMMENT ON COLUMN roster_files.refusal IS 'Why nothing of it was imported.';
