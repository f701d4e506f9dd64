-- +goose Up

-- How many items each study has, by kind and by how far they came. What changes the
-- items of a study changes these in the same transaction; the counters of the whole
-- follow by triggers.
ALTER TABLE studies ADD COLUMN instances integer NOT NULL DEFAULT 0;
ALTER TABLE studies ADD COLUMN instances_done integer NOT NULL DEFAULT 0;
ALTER TABLE studies ADD COLUMN instances_failed integer NOT NULL DEFAULT 0;
ALTER TABLE studies ADD COLUMN instances_skipped integer NOT NULL DEFAULT 0;
ALTER TABLE studies ADD COLUMN instances_received integer NOT NULL DEFAULT 0;
ALTER TABLE studies ADD COLUMN instances_stored integer NOT NULL DEFAULT 0;
ALTER TABLE studies ADD COLUMN instances_found integer NOT NULL DEFAULT 0;
ALTER TABLE studies ADD COLUMN records integer NOT NULL DEFAULT 0;
ALTER TABLE studies ADD COLUMN records_done integer NOT NULL DEFAULT 0;
ALTER TABLE studies ADD COLUMN records_failed integer NOT NULL DEFAULT 0;
ALTER TABLE studies ADD COLUMN records_skipped integer NOT NULL DEFAULT 0;
ALTER TABLE studies ADD COLUMN attachments integer NOT NULL DEFAULT 0;
ALTER TABLE studies ADD COLUMN attachments_done integer NOT NULL DEFAULT 0;
ALTER TABLE studies ADD COLUMN attachments_failed integer NOT NULL DEFAULT 0;
ALTER TABLE studies ADD COLUMN attachments_skipped integer NOT NULL DEFAULT 0;
ALTER TABLE studies ADD COLUMN bytes_done integer NOT NULL DEFAULT 0;
ALTER TABLE studies ADD COLUMN waiting_since integer NOT NULL DEFAULT 0;

UPDATE studies SET (
    instances, instances_done, instances_failed, instances_skipped, instances_received, instances_stored,
    instances_found, records, records_done, records_failed, records_skipped, attachments, attachments_done,
    attachments_failed, attachments_skipped, bytes_done
) = (
    SELECT count(*) FILTER (WHERE kind = 'instance'),
        count(*) FILTER (WHERE kind = 'instance' AND state = 'done'),
        count(*) FILTER (WHERE kind = 'instance' AND state = 'failed'),
        count(*) FILTER (WHERE kind = 'instance' AND state = 'skipped'),
        count(*) FILTER (WHERE kind = 'instance' AND state <> 'skipped' AND received = 1),
        count(*) FILTER (WHERE kind = 'instance' AND state <> 'skipped' AND stored = 1),
        count(*) FILTER (WHERE kind = 'instance' AND state <> 'skipped' AND found = 1),
        count(*) FILTER (WHERE kind = 'record'),
        count(*) FILTER (WHERE kind = 'record' AND state = 'done'),
        count(*) FILTER (WHERE kind = 'record' AND state = 'failed'),
        count(*) FILTER (WHERE kind = 'record' AND state = 'skipped'),
        count(*) FILTER (WHERE kind = 'attachment'),
        count(*) FILTER (WHERE kind = 'attachment' AND state = 'done'),
        count(*) FILTER (WHERE kind = 'attachment' AND state = 'failed'),
        count(*) FILTER (WHERE kind = 'attachment' AND state = 'skipped'),
        COALESCE(sum(CASE WHEN state = 'done' THEN bytes ELSE 0 END), 0)
    FROM items WHERE items.study_id = studies.id);

-- The items of a study add up, and a migrated one has no other than proven and skipped
-- ones. SQLite adds a constraint only with a column.
ALTER TABLE studies ADD COLUMN items_add_up integer NOT NULL DEFAULT 1 CHECK (
        instances_done + instances_failed + instances_skipped <= instances
        AND records_done + records_failed + records_skipped <= records
        AND attachments_done + attachments_failed + attachments_skipped <= attachments
        AND (state <> 'migrated' OR (instances_done + instances_skipped = instances
            AND records_done + records_skipped = records AND attachments_done + attachments_skipped = attachments)));

-- The items of a migrated study rest in one compressed row. A study has this or
-- rows in items, never both.
CREATE TABLE manifests (
    study_id integer PRIMARY KEY REFERENCES studies (id) ON DELETE CASCADE,
    items    blob NOT NULL
);

-- The ledger in numbers, by day, department and window (0 for none).
CREATE TABLE counters (
    range_date text NOT NULL,
    department text NOT NULL,
    window_id  integer NOT NULL,
    to_migrate integer NOT NULL DEFAULT 0,
    queued integer NOT NULL DEFAULT 0,
    collecting integer NOT NULL DEFAULT 0,
    delivering integer NOT NULL DEFAULT 0,
    verifying integer NOT NULL DEFAULT 0,
    migrated integer NOT NULL DEFAULT 0,
    failed integer NOT NULL DEFAULT 0,
    skipped integer NOT NULL DEFAULT 0,
    listed integer NOT NULL DEFAULT 0,
    instances integer NOT NULL DEFAULT 0,
    instances_done integer NOT NULL DEFAULT 0,
    instances_failed integer NOT NULL DEFAULT 0,
    instances_skipped integer NOT NULL DEFAULT 0,
    instances_received integer NOT NULL DEFAULT 0,
    instances_stored integer NOT NULL DEFAULT 0,
    instances_found integer NOT NULL DEFAULT 0,
    records integer NOT NULL DEFAULT 0,
    records_done integer NOT NULL DEFAULT 0,
    records_failed integer NOT NULL DEFAULT 0,
    records_skipped integer NOT NULL DEFAULT 0,
    attachments integer NOT NULL DEFAULT 0,
    attachments_done integer NOT NULL DEFAULT 0,
    attachments_failed integer NOT NULL DEFAULT 0,
    attachments_skipped integer NOT NULL DEFAULT 0,
    bytes_done integer NOT NULL DEFAULT 0,
    PRIMARY KEY (range_date, department, window_id)
);

CREATE VIEW counted AS SELECT * FROM counters;

-- +goose StatementBegin
CREATE TRIGGER studies_count_insert AFTER INSERT ON studies
BEGIN
    INSERT INTO counters (range_date, department, window_id, to_migrate, queued, collecting, delivering, verifying, migrated,
        failed, skipped, listed, instances, instances_done, instances_failed, instances_skipped,
        instances_received, instances_stored, instances_found, records, records_done, records_failed,
        records_skipped, attachments, attachments_done, attachments_failed, attachments_skipped, bytes_done)
    VALUES (NEW.range_date, NEW.department, COALESCE(NEW.window_id, 0),
        (NEW.state = 'to-migrate'), (NEW.state = 'queued'), (NEW.state = 'collecting'),
        (NEW.state = 'delivering'), (NEW.state = 'verifying'), (NEW.state = 'migrated'), (NEW.state = 'failed'),
        (NEW.state = 'skipped'),
        (CASE WHEN NEW.instances = 0 AND NEW.state <> 'skipped' AND NEW.listed_instances > 0 THEN NEW.listed_instances ELSE 0 END),
        NEW.instances, NEW.instances_done, NEW.instances_failed, NEW.instances_skipped, NEW.instances_received,
        NEW.instances_stored, NEW.instances_found, NEW.records, NEW.records_done, NEW.records_failed,
        NEW.records_skipped, NEW.attachments, NEW.attachments_done, NEW.attachments_failed,
        NEW.attachments_skipped, NEW.bytes_done)
    ON CONFLICT DO UPDATE SET
        to_migrate = to_migrate + excluded.to_migrate, queued = queued + excluded.queued,
        collecting = collecting + excluded.collecting, delivering = delivering + excluded.delivering,
        verifying = verifying + excluded.verifying, migrated = migrated + excluded.migrated,
        failed = failed + excluded.failed, skipped = skipped + excluded.skipped,
        listed = listed + excluded.listed, instances = instances + excluded.instances,
        instances_done = instances_done + excluded.instances_done,
        instances_failed = instances_failed + excluded.instances_failed,
        instances_skipped = instances_skipped + excluded.instances_skipped,
        instances_received = instances_received + excluded.instances_received,
        instances_stored = instances_stored + excluded.instances_stored,
        instances_found = instances_found + excluded.instances_found, records = records + excluded.records,
        records_done = records_done + excluded.records_done,
        records_failed = records_failed + excluded.records_failed,
        records_skipped = records_skipped + excluded.records_skipped,
        attachments = attachments + excluded.attachments,
        attachments_done = attachments_done + excluded.attachments_done,
        attachments_failed = attachments_failed + excluded.attachments_failed,
        attachments_skipped = attachments_skipped + excluded.attachments_skipped,
        bytes_done = bytes_done + excluded.bytes_done;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER studies_count_delete AFTER DELETE ON studies
BEGIN
    INSERT INTO counters (range_date, department, window_id, to_migrate, queued, collecting, delivering, verifying, migrated,
        failed, skipped, listed, instances, instances_done, instances_failed, instances_skipped,
        instances_received, instances_stored, instances_found, records, records_done, records_failed,
        records_skipped, attachments, attachments_done, attachments_failed, attachments_skipped, bytes_done)
    VALUES (OLD.range_date, OLD.department, COALESCE(OLD.window_id, 0),
        -(OLD.state = 'to-migrate'), -(OLD.state = 'queued'), -(OLD.state = 'collecting'),
        -(OLD.state = 'delivering'), -(OLD.state = 'verifying'), -(OLD.state = 'migrated'),
        -(OLD.state = 'failed'), -(OLD.state = 'skipped'),
        -(CASE WHEN OLD.instances = 0 AND OLD.state <> 'skipped' AND OLD.listed_instances > 0 THEN OLD.listed_instances ELSE 0 END),
        -OLD.instances, -OLD.instances_done, -OLD.instances_failed, -OLD.instances_skipped,
        -OLD.instances_received, -OLD.instances_stored, -OLD.instances_found, -OLD.records, -OLD.records_done,
        -OLD.records_failed, -OLD.records_skipped, -OLD.attachments, -OLD.attachments_done,
        -OLD.attachments_failed, -OLD.attachments_skipped, -OLD.bytes_done)
    ON CONFLICT DO UPDATE SET
        to_migrate = to_migrate + excluded.to_migrate, queued = queued + excluded.queued,
        collecting = collecting + excluded.collecting, delivering = delivering + excluded.delivering,
        verifying = verifying + excluded.verifying, migrated = migrated + excluded.migrated,
        failed = failed + excluded.failed, skipped = skipped + excluded.skipped,
        listed = listed + excluded.listed, instances = instances + excluded.instances,
        instances_done = instances_done + excluded.instances_done,
        instances_failed = instances_failed + excluded.instances_failed,
        instances_skipped = instances_skipped + excluded.instances_skipped,
        instances_received = instances_received + excluded.instances_received,
        instances_stored = instances_stored + excluded.instances_stored,
        instances_found = instances_found + excluded.instances_found, records = records + excluded.records,
        records_done = records_done + excluded.records_done,
        records_failed = records_failed + excluded.records_failed,
        records_skipped = records_skipped + excluded.records_skipped,
        attachments = attachments + excluded.attachments,
        attachments_done = attachments_done + excluded.attachments_done,
        attachments_failed = attachments_failed + excluded.attachments_failed,
        attachments_skipped = attachments_skipped + excluded.attachments_skipped,
        bytes_done = bytes_done + excluded.bytes_done;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER studies_count_update AFTER UPDATE OF
    state, listed_instances, instances, instances_done, instances_failed, instances_skipped, instances_received,
    instances_stored, instances_found, records, records_done, records_failed, records_skipped, attachments,
    attachments_done, attachments_failed, attachments_skipped, bytes_done
ON studies WHEN OLD.range_date = NEW.range_date AND OLD.department = NEW.department AND COALESCE(OLD.window_id, 0) = COALESCE(NEW.window_id, 0)
BEGIN
    UPDATE counters SET
        to_migrate = to_migrate + (NEW.state = 'to-migrate') - (OLD.state = 'to-migrate'),
        queued = queued + (NEW.state = 'queued') - (OLD.state = 'queued'),
        collecting = collecting + (NEW.state = 'collecting') - (OLD.state = 'collecting'),
        delivering = delivering + (NEW.state = 'delivering') - (OLD.state = 'delivering'),
        verifying = verifying + (NEW.state = 'verifying') - (OLD.state = 'verifying'),
        migrated = migrated + (NEW.state = 'migrated') - (OLD.state = 'migrated'),
        failed = failed + (NEW.state = 'failed') - (OLD.state = 'failed'),
        skipped = skipped + (NEW.state = 'skipped') - (OLD.state = 'skipped'),
        listed = listed + (CASE WHEN NEW.instances = 0 AND NEW.state <> 'skipped' AND NEW.listed_instances > 0 THEN NEW.listed_instances ELSE 0 END) - (CASE WHEN OLD.instances = 0 AND OLD.state <> 'skipped' AND OLD.listed_instances > 0 THEN OLD.listed_instances ELSE 0 END),
        instances = instances + NEW.instances - OLD.instances,
        instances_done = instances_done + NEW.instances_done - OLD.instances_done,
        instances_failed = instances_failed + NEW.instances_failed - OLD.instances_failed,
        instances_skipped = instances_skipped + NEW.instances_skipped - OLD.instances_skipped,
        instances_received = instances_received + NEW.instances_received - OLD.instances_received,
        instances_stored = instances_stored + NEW.instances_stored - OLD.instances_stored,
        instances_found = instances_found + NEW.instances_found - OLD.instances_found,
        records = records + NEW.records - OLD.records,
        records_done = records_done + NEW.records_done - OLD.records_done,
        records_failed = records_failed + NEW.records_failed - OLD.records_failed,
        records_skipped = records_skipped + NEW.records_skipped - OLD.records_skipped,
        attachments = attachments + NEW.attachments - OLD.attachments,
        attachments_done = attachments_done + NEW.attachments_done - OLD.attachments_done,
        attachments_failed = attachments_failed + NEW.attachments_failed - OLD.attachments_failed,
        attachments_skipped = attachments_skipped + NEW.attachments_skipped - OLD.attachments_skipped,
        bytes_done = bytes_done + NEW.bytes_done - OLD.bytes_done
    WHERE range_date = NEW.range_date AND department = NEW.department AND window_id = COALESCE(NEW.window_id, 0);
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER studies_count_move AFTER UPDATE OF range_date, department, window_id
ON studies WHEN NOT (OLD.range_date = NEW.range_date AND OLD.department = NEW.department AND COALESCE(OLD.window_id, 0) = COALESCE(NEW.window_id, 0))
BEGIN
    INSERT INTO counters (range_date, department, window_id, to_migrate, queued, collecting, delivering, verifying, migrated,
        failed, skipped, listed, instances, instances_done, instances_failed, instances_skipped,
        instances_received, instances_stored, instances_found, records, records_done, records_failed,
        records_skipped, attachments, attachments_done, attachments_failed, attachments_skipped, bytes_done)
    VALUES (OLD.range_date, OLD.department, COALESCE(OLD.window_id, 0),
        -(OLD.state = 'to-migrate'), -(OLD.state = 'queued'), -(OLD.state = 'collecting'),
        -(OLD.state = 'delivering'), -(OLD.state = 'verifying'), -(OLD.state = 'migrated'),
        -(OLD.state = 'failed'), -(OLD.state = 'skipped'),
        -(CASE WHEN OLD.instances = 0 AND OLD.state <> 'skipped' AND OLD.listed_instances > 0 THEN OLD.listed_instances ELSE 0 END),
        -OLD.instances, -OLD.instances_done, -OLD.instances_failed, -OLD.instances_skipped,
        -OLD.instances_received, -OLD.instances_stored, -OLD.instances_found, -OLD.records, -OLD.records_done,
        -OLD.records_failed, -OLD.records_skipped, -OLD.attachments, -OLD.attachments_done,
        -OLD.attachments_failed, -OLD.attachments_skipped, -OLD.bytes_done)
    ON CONFLICT DO UPDATE SET
        to_migrate = to_migrate + excluded.to_migrate, queued = queued + excluded.queued,
        collecting = collecting + excluded.collecting, delivering = delivering + excluded.delivering,
        verifying = verifying + excluded.verifying, migrated = migrated + excluded.migrated,
        failed = failed + excluded.failed, skipped = skipped + excluded.skipped,
        listed = listed + excluded.listed, instances = instances + excluded.instances,
        instances_done = instances_done + excluded.instances_done,
        instances_failed = instances_failed + excluded.instances_failed,
        instances_skipped = instances_skipped + excluded.instances_skipped,
        instances_received = instances_received + excluded.instances_received,
        instances_stored = instances_stored + excluded.instances_stored,
        instances_found = instances_found + excluded.instances_found, records = records + excluded.records,
        records_done = records_done + excluded.records_done,
        records_failed = records_failed + excluded.records_failed,
        records_skipped = records_skipped + excluded.records_skipped,
        attachments = attachments + excluded.attachments,
        attachments_done = attachments_done + excluded.attachments_done,
        attachments_failed = attachments_failed + excluded.attachments_failed,
        attachments_skipped = attachments_skipped + excluded.attachments_skipped,
        bytes_done = bytes_done + excluded.bytes_done;
    INSERT INTO counters (range_date, department, window_id, to_migrate, queued, collecting, delivering, verifying, migrated,
        failed, skipped, listed, instances, instances_done, instances_failed, instances_skipped,
        instances_received, instances_stored, instances_found, records, records_done, records_failed,
        records_skipped, attachments, attachments_done, attachments_failed, attachments_skipped, bytes_done)
    VALUES (NEW.range_date, NEW.department, COALESCE(NEW.window_id, 0),
        (NEW.state = 'to-migrate'), (NEW.state = 'queued'), (NEW.state = 'collecting'),
        (NEW.state = 'delivering'), (NEW.state = 'verifying'), (NEW.state = 'migrated'), (NEW.state = 'failed'),
        (NEW.state = 'skipped'),
        (CASE WHEN NEW.instances = 0 AND NEW.state <> 'skipped' AND NEW.listed_instances > 0 THEN NEW.listed_instances ELSE 0 END),
        NEW.instances, NEW.instances_done, NEW.instances_failed, NEW.instances_skipped, NEW.instances_received,
        NEW.instances_stored, NEW.instances_found, NEW.records, NEW.records_done, NEW.records_failed,
        NEW.records_skipped, NEW.attachments, NEW.attachments_done, NEW.attachments_failed,
        NEW.attachments_skipped, NEW.bytes_done)
    ON CONFLICT DO UPDATE SET
        to_migrate = to_migrate + excluded.to_migrate, queued = queued + excluded.queued,
        collecting = collecting + excluded.collecting, delivering = delivering + excluded.delivering,
        verifying = verifying + excluded.verifying, migrated = migrated + excluded.migrated,
        failed = failed + excluded.failed, skipped = skipped + excluded.skipped,
        listed = listed + excluded.listed, instances = instances + excluded.instances,
        instances_done = instances_done + excluded.instances_done,
        instances_failed = instances_failed + excluded.instances_failed,
        instances_skipped = instances_skipped + excluded.instances_skipped,
        instances_received = instances_received + excluded.instances_received,
        instances_stored = instances_stored + excluded.instances_stored,
        instances_found = instances_found + excluded.instances_found, records = records + excluded.records,
        records_done = records_done + excluded.records_done,
        records_failed = records_failed + excluded.records_failed,
        records_skipped = records_skipped + excluded.records_skipped,
        attachments = attachments + excluded.attachments,
        attachments_done = attachments_done + excluded.attachments_done,
        attachments_failed = attachments_failed + excluded.attachments_failed,
        attachments_skipped = attachments_skipped + excluded.attachments_skipped,
        bytes_done = bytes_done + excluded.bytes_done;
END;
-- +goose StatementEnd

INSERT INTO counters (range_date, department, window_id, to_migrate, queued, collecting, delivering, verifying, migrated, failed,
    skipped, listed, instances, instances_done, instances_failed, instances_skipped, instances_received,
    instances_stored, instances_found, records, records_done, records_failed, records_skipped, attachments,
    attachments_done, attachments_failed, attachments_skipped, bytes_done)
SELECT s.range_date, s.department, COALESCE(s.window_id, 0),
    sum(CASE WHEN s.state = 'to-migrate' THEN 1 ELSE 0 END),
    sum(CASE WHEN s.state = 'queued' THEN 1 ELSE 0 END),
    sum(CASE WHEN s.state = 'collecting' THEN 1 ELSE 0 END),
    sum(CASE WHEN s.state = 'delivering' THEN 1 ELSE 0 END),
    sum(CASE WHEN s.state = 'verifying' THEN 1 ELSE 0 END),
    sum(CASE WHEN s.state = 'migrated' THEN 1 ELSE 0 END), sum(CASE WHEN s.state = 'failed' THEN 1 ELSE 0 END),
    sum(CASE WHEN s.state = 'skipped' THEN 1 ELSE 0 END),
    sum(CASE WHEN s.instances = 0 AND s.state <> 'skipped' AND s.listed_instances > 0 THEN s.listed_instances ELSE 0 END),
    sum(s.instances), sum(s.instances_done), sum(s.instances_failed), sum(s.instances_skipped),
    sum(s.instances_received), sum(s.instances_stored), sum(s.instances_found), sum(s.records),
    sum(s.records_done), sum(s.records_failed), sum(s.records_skipped), sum(s.attachments),
    sum(s.attachments_done), sum(s.attachments_failed), sum(s.attachments_skipped), sum(s.bytes_done)
FROM studies AS s GROUP BY 1, 2, 3;

-- What is not to be opened: a department, or '*' for all of them.
CREATE TABLE pauses (
    department text PRIMARY KEY,
    paused_at  integer NOT NULL
);

-- A PACS that is busy or away, since when, and until when it is left alone.
CREATE TABLE peers (
    name           text PRIMARY KEY,
    class          text NOT NULL,
    troubled_since integer NOT NULL,
    tries          integer NOT NULL,
    rest_until     integer NOT NULL
);

-- Who does in the whole cluster what one node does at a time.
CREATE TABLE leaders (
    role        text PRIMARY KEY,
    node        text NOT NULL,
    lease_until integer NOT NULL
);

-- The inventories that were begun, each with its scope. One that was interrupted
-- goes on; one that was finished is taken anew.
CREATE TABLE inventories (
    id          integer PRIMARY KEY,
    scope       text NOT NULL,
    started_at  integer NOT NULL,
    finished_at integer NOT NULL DEFAULT 0
);

CREATE UNIQUE INDEX inventories_open ON inventories (scope) WHERE finished_at = 0;

-- For prioritise --patient.
CREATE INDEX studies_patient ON studies (patient_id) WHERE state IN ('to-migrate', 'queued');

-- +goose Down
DROP INDEX studies_patient;
DROP TABLE inventories;
DROP TABLE leaders;
DROP TABLE peers;
DROP TABLE pauses;
DROP TRIGGER studies_count_insert;
DROP TRIGGER studies_count_delete;
DROP TRIGGER studies_count_update;
DROP TRIGGER studies_count_move;
DROP VIEW counted;
DROP TABLE counters;
DROP TABLE manifests;
ALTER TABLE studies DROP COLUMN items_add_up;
ALTER TABLE studies DROP COLUMN instances;
ALTER TABLE studies DROP COLUMN instances_done;
ALTER TABLE studies DROP COLUMN instances_failed;
ALTER TABLE studies DROP COLUMN instances_skipped;
ALTER TABLE studies DROP COLUMN instances_received;
ALTER TABLE studies DROP COLUMN instances_stored;
ALTER TABLE studies DROP COLUMN instances_found;
ALTER TABLE studies DROP COLUMN records;
ALTER TABLE studies DROP COLUMN records_done;
ALTER TABLE studies DROP COLUMN records_failed;
ALTER TABLE studies DROP COLUMN records_skipped;
ALTER TABLE studies DROP COLUMN attachments;
ALTER TABLE studies DROP COLUMN attachments_done;
ALTER TABLE studies DROP COLUMN attachments_failed;
ALTER TABLE studies DROP COLUMN attachments_skipped;
ALTER TABLE studies DROP COLUMN bytes_done;
ALTER TABLE studies DROP COLUMN waiting_since;
