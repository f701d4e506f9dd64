-- +goose Up

-- How many items each study has, by kind and by how far they came. What changes the
-- items of a study changes these in the same transaction; the counters of the whole
-- follow by triggers.
ALTER TABLE studies
    ADD COLUMN instances integer NOT NULL DEFAULT 0,
    ADD COLUMN instances_done integer NOT NULL DEFAULT 0,
    ADD COLUMN instances_failed integer NOT NULL DEFAULT 0,
    ADD COLUMN instances_skipped integer NOT NULL DEFAULT 0,
    ADD COLUMN instances_received integer NOT NULL DEFAULT 0,
    ADD COLUMN instances_stored integer NOT NULL DEFAULT 0,
    ADD COLUMN instances_found integer NOT NULL DEFAULT 0,
    ADD COLUMN records integer NOT NULL DEFAULT 0,
    ADD COLUMN records_done integer NOT NULL DEFAULT 0,
    ADD COLUMN records_failed integer NOT NULL DEFAULT 0,
    ADD COLUMN records_skipped integer NOT NULL DEFAULT 0,
    ADD COLUMN attachments integer NOT NULL DEFAULT 0,
    ADD COLUMN attachments_done integer NOT NULL DEFAULT 0,
    ADD COLUMN attachments_failed integer NOT NULL DEFAULT 0,
    ADD COLUMN attachments_skipped integer NOT NULL DEFAULT 0,
    ADD COLUMN bytes_done bigint NOT NULL DEFAULT 0,
    ADD COLUMN waiting_since bigint NOT NULL DEFAULT 0;

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

-- The items of a study add up, and a migrated one has no other than proven and skipped ones.
ALTER TABLE studies ADD CONSTRAINT items_add_up CHECK (
        instances_done + instances_failed + instances_skipped <= instances
        AND records_done + records_failed + records_skipped <= records
        AND attachments_done + attachments_failed + attachments_skipped <= attachments
        AND (state <> 'migrated' OR (instances_done + instances_skipped = instances
            AND records_done + records_skipped = records AND attachments_done + attachments_skipped = attachments)));

-- The items of a migrated study rest in one compressed row. A study has this or
-- rows in items, never both.
CREATE TABLE manifests (
    study_id bigint PRIMARY KEY REFERENCES studies (id) ON DELETE CASCADE,
    items    bytea NOT NULL
);
ALTER TABLE manifests ALTER COLUMN items SET STORAGE EXTERNAL; -- it is compressed already

-- The ledger in numbers, by day, department and window (0 for none).
CREATE TABLE counters (
    range_date text COLLATE "C" NOT NULL,
    department text COLLATE "C" NOT NULL,
    window_id  bigint NOT NULL,
    to_migrate bigint NOT NULL DEFAULT 0,
    queued bigint NOT NULL DEFAULT 0,
    collecting bigint NOT NULL DEFAULT 0,
    delivering bigint NOT NULL DEFAULT 0,
    verifying bigint NOT NULL DEFAULT 0,
    migrated bigint NOT NULL DEFAULT 0,
    failed bigint NOT NULL DEFAULT 0,
    skipped bigint NOT NULL DEFAULT 0,
    listed bigint NOT NULL DEFAULT 0,
    instances bigint NOT NULL DEFAULT 0,
    instances_done bigint NOT NULL DEFAULT 0,
    instances_failed bigint NOT NULL DEFAULT 0,
    instances_skipped bigint NOT NULL DEFAULT 0,
    instances_received bigint NOT NULL DEFAULT 0,
    instances_stored bigint NOT NULL DEFAULT 0,
    instances_found bigint NOT NULL DEFAULT 0,
    records bigint NOT NULL DEFAULT 0,
    records_done bigint NOT NULL DEFAULT 0,
    records_failed bigint NOT NULL DEFAULT 0,
    records_skipped bigint NOT NULL DEFAULT 0,
    attachments bigint NOT NULL DEFAULT 0,
    attachments_done bigint NOT NULL DEFAULT 0,
    attachments_failed bigint NOT NULL DEFAULT 0,
    attachments_skipped bigint NOT NULL DEFAULT 0,
    bytes_done bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (range_date, department, window_id)
);

-- What transactions add to the counters. They only insert here, so that none waits
-- for another about a number; whoever feeds folds the rows into counters. The sums
-- over both are exact at every instant.
CREATE TABLE counter_changes (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    LIKE counters INCLUDING DEFAULTS
);

CREATE VIEW counted AS
    SELECT range_date, department, window_id, to_migrate, queued, collecting, delivering, verifying, migrated,
        failed, skipped, listed, instances, instances_done, instances_failed, instances_skipped,
        instances_received, instances_stored, instances_found, records, records_done, records_failed,
        records_skipped, attachments, attachments_done, attachments_failed, attachments_skipped, bytes_done
    FROM counters
    UNION ALL
    SELECT range_date, department, window_id, to_migrate, queued, collecting, delivering, verifying, migrated,
        failed, skipped, listed, instances, instances_done, instances_failed, instances_skipped,
        instances_received, instances_stored, instances_found, records, records_done, records_failed,
        records_skipped, attachments, attachments_done, attachments_failed, attachments_skipped, bytes_done
    FROM counter_changes;

-- +goose StatementBegin
CREATE FUNCTION studies_count_insert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO counter_changes (range_date, department, window_id, to_migrate, queued, collecting, delivering, verifying, migrated,
        failed, skipped, listed, instances, instances_done, instances_failed, instances_skipped,
        instances_received, instances_stored, instances_found, records, records_done, records_failed,
        records_skipped, attachments, attachments_done, attachments_failed, attachments_skipped, bytes_done)
    SELECT s.range_date, s.department, COALESCE(s.window_id, 0),
        count(*) FILTER (WHERE s.state = 'to-migrate'), count(*) FILTER (WHERE s.state = 'queued'),
        count(*) FILTER (WHERE s.state = 'collecting'), count(*) FILTER (WHERE s.state = 'delivering'),
        count(*) FILTER (WHERE s.state = 'verifying'), count(*) FILTER (WHERE s.state = 'migrated'),
        count(*) FILTER (WHERE s.state = 'failed'), count(*) FILTER (WHERE s.state = 'skipped'),
        sum(CASE WHEN s.instances = 0 AND s.state <> 'skipped' AND s.listed_instances > 0 THEN s.listed_instances ELSE 0 END),
        sum(s.instances), sum(s.instances_done), sum(s.instances_failed), sum(s.instances_skipped),
        sum(s.instances_received), sum(s.instances_stored), sum(s.instances_found), sum(s.records),
        sum(s.records_done), sum(s.records_failed), sum(s.records_skipped), sum(s.attachments),
        sum(s.attachments_done), sum(s.attachments_failed), sum(s.attachments_skipped), sum(s.bytes_done)
    FROM s GROUP BY 1, 2, 3;
    RETURN NULL;
END;
$$;
-- +goose StatementEnd

CREATE TRIGGER studies_count_insert AFTER INSERT ON studies REFERENCING NEW TABLE AS s FOR EACH STATEMENT
    EXECUTE FUNCTION studies_count_insert();

-- +goose StatementBegin
CREATE FUNCTION studies_count_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO counter_changes (range_date, department, window_id, to_migrate, queued, collecting, delivering, verifying, migrated,
        failed, skipped, listed, instances, instances_done, instances_failed, instances_skipped,
        instances_received, instances_stored, instances_found, records, records_done, records_failed,
        records_skipped, attachments, attachments_done, attachments_failed, attachments_skipped, bytes_done)
    SELECT s.range_date, s.department, COALESCE(s.window_id, 0),
        -count(*) FILTER (WHERE s.state = 'to-migrate'), -count(*) FILTER (WHERE s.state = 'queued'),
        -count(*) FILTER (WHERE s.state = 'collecting'), -count(*) FILTER (WHERE s.state = 'delivering'),
        -count(*) FILTER (WHERE s.state = 'verifying'), -count(*) FILTER (WHERE s.state = 'migrated'),
        -count(*) FILTER (WHERE s.state = 'failed'), -count(*) FILTER (WHERE s.state = 'skipped'),
        -sum(CASE WHEN s.instances = 0 AND s.state <> 'skipped' AND s.listed_instances > 0 THEN s.listed_instances ELSE 0 END),
        -sum(s.instances), -sum(s.instances_done), -sum(s.instances_failed), -sum(s.instances_skipped),
        -sum(s.instances_received), -sum(s.instances_stored), -sum(s.instances_found), -sum(s.records),
        -sum(s.records_done), -sum(s.records_failed), -sum(s.records_skipped), -sum(s.attachments),
        -sum(s.attachments_done), -sum(s.attachments_failed), -sum(s.attachments_skipped), -sum(s.bytes_done)
    FROM s GROUP BY 1, 2, 3;
    RETURN NULL;
END;
$$;
-- +goose StatementEnd

CREATE TRIGGER studies_count_delete AFTER DELETE ON studies REFERENCING OLD TABLE AS s FOR EACH STATEMENT
    EXECUTE FUNCTION studies_count_delete();

-- +goose StatementBegin
CREATE FUNCTION studies_count_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.range_date, OLD.department, COALESCE(OLD.window_id, 0)) = (NEW.range_date, NEW.department, COALESCE(NEW.window_id, 0)) THEN
        INSERT INTO counter_changes (range_date, department, window_id, to_migrate, queued, collecting, delivering, verifying, migrated,
        failed, skipped, listed, instances, instances_done, instances_failed, instances_skipped,
        instances_received, instances_stored, instances_found, records, records_done, records_failed,
        records_skipped, attachments, attachments_done, attachments_failed, attachments_skipped, bytes_done)
        VALUES (NEW.range_date, NEW.department, COALESCE(NEW.window_id, 0),
            (NEW.state = 'to-migrate')::int - (OLD.state = 'to-migrate')::int,
            (NEW.state = 'queued')::int - (OLD.state = 'queued')::int,
            (NEW.state = 'collecting')::int - (OLD.state = 'collecting')::int,
            (NEW.state = 'delivering')::int - (OLD.state = 'delivering')::int,
            (NEW.state = 'verifying')::int - (OLD.state = 'verifying')::int,
            (NEW.state = 'migrated')::int - (OLD.state = 'migrated')::int,
            (NEW.state = 'failed')::int - (OLD.state = 'failed')::int,
            (NEW.state = 'skipped')::int - (OLD.state = 'skipped')::int,
            (CASE WHEN NEW.instances = 0 AND NEW.state <> 'skipped' AND NEW.listed_instances > 0 THEN NEW.listed_instances ELSE 0 END) - (CASE WHEN OLD.instances = 0 AND OLD.state <> 'skipped' AND OLD.listed_instances > 0 THEN OLD.listed_instances ELSE 0 END),
            NEW.instances - OLD.instances, NEW.instances_done - OLD.instances_done,
            NEW.instances_failed - OLD.instances_failed, NEW.instances_skipped - OLD.instances_skipped,
            NEW.instances_received - OLD.instances_received, NEW.instances_stored - OLD.instances_stored,
            NEW.instances_found - OLD.instances_found, NEW.records - OLD.records,
            NEW.records_done - OLD.records_done, NEW.records_failed - OLD.records_failed,
            NEW.records_skipped - OLD.records_skipped, NEW.attachments - OLD.attachments,
            NEW.attachments_done - OLD.attachments_done, NEW.attachments_failed - OLD.attachments_failed,
            NEW.attachments_skipped - OLD.attachments_skipped, NEW.bytes_done - OLD.bytes_done);
    ELSE
        INSERT INTO counter_changes (range_date, department, window_id, to_migrate, queued, collecting, delivering, verifying, migrated,
        failed, skipped, listed, instances, instances_done, instances_failed, instances_skipped,
        instances_received, instances_stored, instances_found, records, records_done, records_failed,
        records_skipped, attachments, attachments_done, attachments_failed, attachments_skipped, bytes_done)
        VALUES (OLD.range_date, OLD.department, COALESCE(OLD.window_id, 0),
            -((OLD.state = 'to-migrate')::int), -((OLD.state = 'queued')::int),
            -((OLD.state = 'collecting')::int), -((OLD.state = 'delivering')::int),
            -((OLD.state = 'verifying')::int), -((OLD.state = 'migrated')::int), -((OLD.state = 'failed')::int),
            -((OLD.state = 'skipped')::int),
            -(CASE WHEN OLD.instances = 0 AND OLD.state <> 'skipped' AND OLD.listed_instances > 0 THEN OLD.listed_instances ELSE 0 END),
            -OLD.instances, -OLD.instances_done, -OLD.instances_failed, -OLD.instances_skipped,
            -OLD.instances_received, -OLD.instances_stored, -OLD.instances_found, -OLD.records,
            -OLD.records_done, -OLD.records_failed, -OLD.records_skipped, -OLD.attachments,
            -OLD.attachments_done, -OLD.attachments_failed, -OLD.attachments_skipped, -OLD.bytes_done),
            (NEW.range_date, NEW.department, COALESCE(NEW.window_id, 0),
            ((NEW.state = 'to-migrate')::int), ((NEW.state = 'queued')::int), ((NEW.state = 'collecting')::int),
            ((NEW.state = 'delivering')::int), ((NEW.state = 'verifying')::int),
            ((NEW.state = 'migrated')::int), ((NEW.state = 'failed')::int), ((NEW.state = 'skipped')::int),
            (CASE WHEN NEW.instances = 0 AND NEW.state <> 'skipped' AND NEW.listed_instances > 0 THEN NEW.listed_instances ELSE 0 END),
            NEW.instances, NEW.instances_done, NEW.instances_failed, NEW.instances_skipped,
            NEW.instances_received, NEW.instances_stored, NEW.instances_found, NEW.records, NEW.records_done,
            NEW.records_failed, NEW.records_skipped, NEW.attachments, NEW.attachments_done,
            NEW.attachments_failed, NEW.attachments_skipped, NEW.bytes_done);
    END IF;
    RETURN NULL;
END;
$$;
-- +goose StatementEnd

CREATE TRIGGER studies_count_update AFTER UPDATE ON studies FOR EACH ROW
    WHEN ((OLD.state, OLD.range_date, OLD.department, OLD.window_id, OLD.listed_instances, OLD.instances,
        OLD.instances_done, OLD.instances_failed, OLD.instances_skipped, OLD.instances_received,
        OLD.instances_stored, OLD.instances_found, OLD.records, OLD.records_done, OLD.records_failed,
        OLD.records_skipped, OLD.attachments, OLD.attachments_done, OLD.attachments_failed,
        OLD.attachments_skipped, OLD.bytes_done)
        IS DISTINCT FROM
        (NEW.state, NEW.range_date, NEW.department, NEW.window_id, NEW.listed_instances, NEW.instances,
        NEW.instances_done, NEW.instances_failed, NEW.instances_skipped, NEW.instances_received,
        NEW.instances_stored, NEW.instances_found, NEW.records, NEW.records_done, NEW.records_failed,
        NEW.records_skipped, NEW.attachments, NEW.attachments_done, NEW.attachments_failed,
        NEW.attachments_skipped, NEW.bytes_done))
    EXECUTE FUNCTION studies_count_update();

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
    department text COLLATE "C" PRIMARY KEY,
    paused_at  bigint NOT NULL
);

-- A PACS that is busy or away, since when, and until when it is left alone.
CREATE TABLE peers (
    name           text COLLATE "C" PRIMARY KEY,
    class          text NOT NULL,
    troubled_since bigint NOT NULL,
    tries          integer NOT NULL,
    rest_until     bigint NOT NULL
);

-- Who does in the whole cluster what one node does at a time.
CREATE TABLE leaders (
    role        text COLLATE "C" PRIMARY KEY,
    node        text NOT NULL,
    lease_until bigint NOT NULL
);

-- The inventories that were begun, each with its scope. One that was interrupted
-- goes on; one that was finished is taken anew.
CREATE TABLE inventories (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scope       text NOT NULL,
    started_at  bigint NOT NULL,
    finished_at bigint NOT NULL DEFAULT 0
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
DROP TRIGGER studies_count_insert ON studies;
DROP TRIGGER studies_count_update ON studies;
DROP TRIGGER studies_count_delete ON studies;
DROP FUNCTION studies_count_insert, studies_count_update, studies_count_delete;
DROP VIEW counted;
DROP TABLE counter_changes;
DROP TABLE counters;
DROP TABLE manifests;
ALTER TABLE studies
    DROP CONSTRAINT items_add_up,
    DROP COLUMN instances,
    DROP COLUMN instances_done,
    DROP COLUMN instances_failed,
    DROP COLUMN instances_skipped,
    DROP COLUMN instances_received,
    DROP COLUMN instances_stored,
    DROP COLUMN instances_found,
    DROP COLUMN records,
    DROP COLUMN records_done,
    DROP COLUMN records_failed,
    DROP COLUMN records_skipped,
    DROP COLUMN attachments,
    DROP COLUMN attachments_done,
    DROP COLUMN attachments_failed,
    DROP COLUMN attachments_skipped,
    DROP COLUMN bytes_done,
    DROP COLUMN waiting_since;
