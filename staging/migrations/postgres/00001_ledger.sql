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
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    from_at       text COLLATE "C" NOT NULL,
    to_at         text COLLATE "C" NOT NULL,
    find_done     smallint NOT NULL DEFAULT 0 CHECK (find_done IN (0, 1)),
    records_done  smallint NOT NULL DEFAULT 0 CHECK (records_done IN (0, 1)),
    record_cursor text    NOT NULL DEFAULT '',
    updated_at    bigint NOT NULL,
    UNIQUE (from_at, to_at)
);

-- One row a study. Times are milliseconds since 1970, 0 for never; the fence
-- counts the holders of the study, so that one that was cut off writes nothing.
CREATE TABLE studies (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uid              text COLLATE "C" NOT NULL UNIQUE CHECK (uid <> ''),
    study_key        text    NOT NULL DEFAULT '',
    window_id        bigint REFERENCES windows (id),
    kind             text COLLATE "C" NOT NULL CHECK (kind IN ('images', 'ghost', 'ambiguous')),
    patient_id       text COLLATE "C" NOT NULL DEFAULT '',
    issuer           text    NOT NULL DEFAULT '',
    accession_number text COLLATE "C" NOT NULL DEFAULT '',
    department       text COLLATE "C" NOT NULL DEFAULT '',
    modalities       text    NOT NULL DEFAULT '',
    description      text    NOT NULL DEFAULT '',
    study_date       text COLLATE "C" NOT NULL DEFAULT '',
    range_date       text COLLATE "C" NOT NULL DEFAULT '',
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
    grown            smallint NOT NULL DEFAULT 0 CHECK (grown IN (0, 1)),
    not_before       bigint NOT NULL DEFAULT 0,
    node             text    NOT NULL DEFAULT '',
    lease_until      bigint NOT NULL DEFAULT 0,
    claimed_at       bigint NOT NULL DEFAULT 0,
    fence            bigint NOT NULL DEFAULT 0,
    created_at       bigint NOT NULL,
    updated_at       bigint NOT NULL,
    CONSTRAINT lease_while_in_hand CHECK (
        (state IN ('queued', 'collecting', 'delivering', 'verifying')) = (node <> '')),
    CONSTRAINT failed_says_why CHECK (state <> 'failed' OR (class <> '' AND reason <> '')),
    CONSTRAINT skipped_says_why CHECK (state <> 'skipped' OR reason <> '')
) WITH (fillfactor = 90);

-- What a feeder looks through, and nothing else. No index holds what a heartbeat
-- changes (lease_until, updated_at): such an update touches no index then.
CREATE INDEX studies_feed ON studies (priority DESC, range_date DESC, id DESC)
    WHERE state = 'to-migrate';
CREATE INDEX studies_feed_department ON studies (department, priority DESC, range_date DESC, id DESC)
    WHERE state = 'to-migrate';
CREATE INDEX studies_patient_in_hand ON studies (patient_id, issuer)
    WHERE state IN ('queued', 'collecting', 'delivering', 'verifying');
CREATE INDEX studies_in_hand ON studies (node)
    WHERE state IN ('queued', 'collecting', 'delivering', 'verifying');
CREATE INDEX studies_failed ON studies (class, range_date)
    WHERE state = 'failed';
CREATE INDEX studies_range ON studies (range_date);
CREATE INDEX studies_accession ON studies (accession_number, patient_id)
    WHERE accession_number <> '';

-- +goose StatementBegin
CREATE FUNCTION studies_begin() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF true THEN
        RAISE check_violation USING MESSAGE = 'a study begins as to-migrate';
    END IF;
    RETURN NEW;
END;
$$;
-- +goose StatementEnd

CREATE TRIGGER studies_begin BEFORE INSERT ON studies FOR EACH ROW WHEN (NEW.state <> 'to-migrate')
    EXECUTE FUNCTION studies_begin();

-- +goose StatementBegin
CREATE FUNCTION studies_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE check_violation USING MESSAGE = 'a study cannot make this move';
END;
$$;
-- +goose StatementEnd

-- The condition holds the same pairs once more: it is asked at each move, and what is
-- allowed calls no function.
CREATE TRIGGER studies_move BEFORE UPDATE OF state ON studies FOR EACH ROW
    WHEN (OLD.state <> NEW.state AND OLD.state || ' ' || NEW.state NOT IN (
        'to-migrate queued', 'to-migrate skipped', 'queued collecting', 'queued to-migrate',
        'collecting delivering', 'collecting to-migrate', 'collecting failed', 'collecting skipped',
        'delivering verifying', 'delivering to-migrate', 'delivering failed', 'delivering skipped',
        'verifying migrated', 'verifying to-migrate', 'verifying failed', 'verifying skipped',
        'migrated to-migrate', 'failed to-migrate', 'failed skipped', 'skipped to-migrate'))
    EXECUTE FUNCTION studies_move();

-- Everything of a study that has to arrive. Done is proven: found at NEW.
CREATE TABLE items (
    study_id        bigint NOT NULL REFERENCES studies (id) ON DELETE CASCADE,
    kind            text COLLATE "C" NOT NULL CHECK (kind IN ('instance', 'record', 'attachment')),
    uid             text COLLATE "C" NOT NULL CHECK (uid <> ''),
    object_uid      text COLLATE "C" NOT NULL DEFAULT '',
    series_uid      text    NOT NULL DEFAULT '',
    sop_class       text    NOT NULL DEFAULT '',
    transfer_syntax text    NOT NULL DEFAULT '',
    state           text    NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'done', 'failed', 'skipped')),
    class           text    NOT NULL DEFAULT '' CHECK (class IN ('',
                        'peer-refused', 'peer-busy', 'network', 'incomplete', 'target-refused',
                        'data', 'attachment-missing', 'mismatch', 'timeout', 'internal')),
    reason          text    NOT NULL DEFAULT '',
    warning         text    NOT NULL DEFAULT '',
    bytes           bigint NOT NULL DEFAULT 0 CHECK (bytes >= 0),
    sha256          text    NOT NULL DEFAULT '',
    received        smallint NOT NULL DEFAULT 0 CHECK (received IN (0, 1)),
    stored          smallint NOT NULL DEFAULT 0 CHECK (stored IN (0, 1)),
    found           smallint NOT NULL DEFAULT 0 CHECK (found IN (0, 1)),
    payload         bytea,
    PRIMARY KEY (study_id, kind, uid),
    CONSTRAINT done_is_proven CHECK (state <> 'done' OR found = 1),
    CONSTRAINT failed_has_class CHECK (state <> 'failed' OR class <> '')
) WITH (fillfactor = 70);

-- +goose StatementBegin
CREATE FUNCTION studies_proof() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM items WHERE study_id = NEW.id AND state IN ('pending', 'failed')) THEN
        RAISE check_violation USING MESSAGE = 'a study with open items is not migrated';
    END IF;
    RETURN NEW;
END;
$$;
-- +goose StatementEnd

CREATE TRIGGER studies_proof BEFORE UPDATE OF state ON studies FOR EACH ROW WHEN (NEW.state = 'migrated')
    EXECUTE FUNCTION studies_proof();

-- What a running node was asked to migrate.
CREATE TABLE orders (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scope       text    NOT NULL,
    node        text    NOT NULL DEFAULT '',
    error       text    NOT NULL DEFAULT '',
    created_at  bigint NOT NULL,
    started_at  bigint NOT NULL DEFAULT 0,
    finished_at bigint NOT NULL DEFAULT 0
);

CREATE INDEX orders_open ON orders (id) WHERE finished_at = 0;

-- The processes that work on this ledger.
CREATE TABLE nodes (
    name       text COLLATE "C" PRIMARY KEY,
    address    text    NOT NULL DEFAULT '',
    started_at bigint NOT NULL,
    beat_at    bigint NOT NULL
);

-- +goose Down
DROP TABLE nodes;
DROP TABLE orders;
DROP TABLE items;
DROP TABLE studies;
DROP TABLE windows;
DROP TABLE study_moves;
DROP FUNCTION studies_begin, studies_move, studies_proof;
