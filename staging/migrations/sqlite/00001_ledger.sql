-- +goose Up

-- The allowed moves of a study's state, the same pairs as in state.go.
CREATE TABLE study_moves (
    from_state text NOT NULL,
    to_state   text NOT NULL,
    PRIMARY KEY (from_state, to_state)
);

INSERT INTO study_moves (from_state, to_state) VALUES
    ('to-migrate', 'queued'),     ('to-migrate', 'skipped'),
    ('queued',     'collecting'), ('queued',     'to-migrate'),
    ('collecting', 'delivering'), ('collecting', 'to-migrate'), ('collecting', 'failed'), ('collecting', 'skipped'),
    ('delivering', 'verifying'),  ('delivering', 'to-migrate'), ('delivering', 'failed'), ('delivering', 'skipped'),
    ('verifying',  'migrated'),   ('verifying',  'to-migrate'), ('verifying',  'failed'), ('verifying',  'skipped'),
    ('migrated',   'to-migrate'),
    ('failed',     'to-migrate'), ('failed',     'skipped'),
    ('skipped',    'to-migrate');

-- A slice of time in the inventory, and how far its two parts have come.
CREATE TABLE windows (
    id            integer PRIMARY KEY,
    from_at       text    NOT NULL,
    to_at         text    NOT NULL,
    find_done     integer NOT NULL DEFAULT 0 CHECK (find_done IN (0, 1)),
    records_done  integer NOT NULL DEFAULT 0 CHECK (records_done IN (0, 1)),
    record_cursor text    NOT NULL DEFAULT '',
    updated_at    integer NOT NULL,
    UNIQUE (from_at, to_at)
);

-- One row a study. Times are milliseconds since 1970, 0 for never; the fence
-- counts the holders of the study, so that one that was cut off writes nothing.
CREATE TABLE studies (
    id               integer PRIMARY KEY,
    uid              text    NOT NULL UNIQUE CHECK (uid <> ''),
    study_key        text    NOT NULL DEFAULT '',
    window_id        integer REFERENCES windows (id),
    kind             text    NOT NULL CHECK (kind IN ('images', 'ghost', 'ambiguous')),
    patient_id       text    NOT NULL DEFAULT '',
    issuer           text    NOT NULL DEFAULT '',
    accession_number text    NOT NULL DEFAULT '',
    department       text    NOT NULL DEFAULT '',
    modalities       text    NOT NULL DEFAULT '',
    description      text    NOT NULL DEFAULT '',
    study_date       text    NOT NULL DEFAULT '',
    range_date       text    NOT NULL DEFAULT '',
    listed_instances integer NOT NULL DEFAULT -1,
    priority         integer NOT NULL DEFAULT 0,
    attempts         integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    soft_tries       integer NOT NULL DEFAULT 0 CHECK (soft_tries >= 0),
    state            text    NOT NULL DEFAULT 'to-migrate' CHECK (state IN (
                         'to-migrate', 'queued', 'collecting', 'delivering', 'verifying', 'migrated', 'failed', 'skipped')),
    class            text    NOT NULL DEFAULT '' CHECK (class IN ('',
                         'peer-refused', 'peer-busy', 'network', 'incomplete', 'target-refused',
                         'data', 'attachment-missing', 'mismatch', 'timeout', 'internal')),
    reason           text    NOT NULL DEFAULT '',
    grown            integer NOT NULL DEFAULT 0 CHECK (grown IN (0, 1)),
    not_before       integer NOT NULL DEFAULT 0,
    node             text    NOT NULL DEFAULT '',
    lease_until      integer NOT NULL DEFAULT 0,
    claimed_at       integer NOT NULL DEFAULT 0,
    fence            integer NOT NULL DEFAULT 0,
    created_at       integer NOT NULL,
    updated_at       integer NOT NULL,
    CONSTRAINT lease_while_in_hand CHECK (
        (state IN ('queued', 'collecting', 'delivering', 'verifying')) = (node <> '')),
    CONSTRAINT failed_says_why CHECK (state <> 'failed' OR (class <> '' AND reason <> '')),
    CONSTRAINT skipped_says_why CHECK (state <> 'skipped' OR reason <> '')
);

-- What a feeder looks through, and nothing else.
CREATE INDEX studies_feed ON studies (priority DESC, range_date DESC, id DESC)
    WHERE state = 'to-migrate';
CREATE INDEX studies_feed_department ON studies (department, priority DESC, range_date DESC, id DESC)
    WHERE state = 'to-migrate';
CREATE INDEX studies_patient_in_hand ON studies (patient_id, issuer)
    WHERE state IN ('queued', 'collecting', 'delivering', 'verifying');
CREATE INDEX studies_in_hand ON studies (node, state, lease_until)
    WHERE state IN ('queued', 'collecting', 'delivering', 'verifying');
CREATE INDEX studies_failed ON studies (class, range_date)
    WHERE state = 'failed';
CREATE INDEX studies_range ON studies (range_date, state);
CREATE INDEX studies_accession ON studies (accession_number, patient_id)
    WHERE accession_number <> '';

-- +goose StatementBegin
CREATE TRIGGER studies_begin BEFORE INSERT ON studies
WHEN NEW.state <> 'to-migrate'
BEGIN
    SELECT RAISE(ABORT, 'a study begins as to-migrate');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER studies_move BEFORE UPDATE OF state ON studies
WHEN OLD.state <> NEW.state AND NOT EXISTS (
    SELECT 1 FROM study_moves WHERE from_state = OLD.state AND to_state = NEW.state)
BEGIN
    SELECT RAISE(ABORT, 'a study cannot make this move');
END;
-- +goose StatementEnd

-- Everything of a study that has to arrive. Done is proven: found at NEW.
CREATE TABLE items (
    study_id        integer NOT NULL REFERENCES studies (id) ON DELETE CASCADE,
    kind            text    NOT NULL CHECK (kind IN ('instance', 'record', 'attachment')),
    uid             text    NOT NULL CHECK (uid <> ''),
    object_uid      text    NOT NULL DEFAULT '',
    series_uid      text    NOT NULL DEFAULT '',
    sop_class       text    NOT NULL DEFAULT '',
    transfer_syntax text    NOT NULL DEFAULT '',
    state           text    NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'done', 'failed', 'skipped')),
    class           text    NOT NULL DEFAULT '' CHECK (class IN ('',
                        'peer-refused', 'peer-busy', 'network', 'incomplete', 'target-refused',
                        'data', 'attachment-missing', 'mismatch', 'timeout', 'internal')),
    reason          text    NOT NULL DEFAULT '',
    warning         text    NOT NULL DEFAULT '',
    bytes           integer NOT NULL DEFAULT 0 CHECK (bytes >= 0),
    sha256          text    NOT NULL DEFAULT '',
    received        integer NOT NULL DEFAULT 0 CHECK (received IN (0, 1)),
    stored          integer NOT NULL DEFAULT 0 CHECK (stored IN (0, 1)),
    found           integer NOT NULL DEFAULT 0 CHECK (found IN (0, 1)),
    payload         blob,
    PRIMARY KEY (study_id, kind, uid),
    CONSTRAINT done_is_proven CHECK (state <> 'done' OR found = 1),
    CONSTRAINT failed_has_class CHECK (state <> 'failed' OR class <> '')
);

CREATE INDEX items_open ON items (study_id) WHERE state IN ('pending', 'failed');

-- +goose StatementBegin
CREATE TRIGGER studies_proof BEFORE UPDATE OF state ON studies
WHEN NEW.state = 'migrated' AND EXISTS (
    SELECT 1 FROM items WHERE study_id = NEW.id AND state IN ('pending', 'failed'))
BEGIN
    SELECT RAISE(ABORT, 'a study with open items is not migrated');
END;
-- +goose StatementEnd

-- What a running node was asked to migrate.
CREATE TABLE orders (
    id          integer PRIMARY KEY,
    scope       text    NOT NULL,
    node        text    NOT NULL DEFAULT '',
    error       text    NOT NULL DEFAULT '',
    created_at  integer NOT NULL,
    started_at  integer NOT NULL DEFAULT 0,
    finished_at integer NOT NULL DEFAULT 0
);

CREATE INDEX orders_open ON orders (id) WHERE finished_at = 0;

-- The processes that work on this ledger.
CREATE TABLE nodes (
    name       text PRIMARY KEY,
    address    text    NOT NULL DEFAULT '',
    started_at integer NOT NULL,
    beat_at    integer NOT NULL
);

-- +goose Down
DROP TABLE nodes;
DROP TABLE orders;
DROP TABLE items;
DROP TABLE studies;
DROP TABLE windows;
DROP TABLE study_moves;
