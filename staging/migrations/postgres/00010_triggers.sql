-- +goose Up

-- What a trigger asks in WHEN, PostgreSQL reads anew from its text in every statement;
-- what its function asks is read once a session. The index by node found nothing
-- that studies_patient_in_hand, which holds the same rows, does not find.
DROP TRIGGER studies_move ON studies;
DROP TRIGGER studies_count_update ON studies;
DROP INDEX studies_in_hand;

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION studies_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state <> NEW.state AND OLD.state || ' ' || NEW.state NOT IN (
        'to-migrate queued', 'to-migrate skipped', 'queued collecting', 'queued to-migrate',
        'collecting delivering', 'collecting to-migrate', 'collecting failed', 'collecting skipped',
        'delivering verifying', 'delivering to-migrate', 'delivering failed', 'delivering skipped',
        'verifying migrated', 'verifying to-migrate', 'verifying failed', 'verifying skipped',
        'migrated to-migrate', 'failed to-migrate', 'failed skipped', 'skipped to-migrate') THEN
        RAISE check_violation USING MESSAGE = 'a study cannot make this move';
    END IF;
    RETURN NEW;
END;
$$;
-- +goose StatementEnd

CREATE TRIGGER studies_move BEFORE UPDATE OF state ON studies FOR EACH ROW
    EXECUTE FUNCTION studies_move();

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION studies_count_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.state, OLD.range_date, OLD.department, OLD.window_id, OLD.listed_instances, OLD.instances,
        OLD.instances_done, OLD.instances_failed, OLD.instances_skipped, OLD.instances_received,
        OLD.instances_stored, OLD.instances_found, OLD.records, OLD.records_done, OLD.records_failed,
        OLD.records_skipped, OLD.attachments, OLD.attachments_done, OLD.attachments_failed,
        OLD.attachments_skipped, OLD.bytes_done)
        IS NOT DISTINCT FROM
        (NEW.state, NEW.range_date, NEW.department, NEW.window_id, NEW.listed_instances, NEW.instances,
        NEW.instances_done, NEW.instances_failed, NEW.instances_skipped, NEW.instances_received,
        NEW.instances_stored, NEW.instances_found, NEW.records, NEW.records_done, NEW.records_failed,
        NEW.records_skipped, NEW.attachments, NEW.attachments_done, NEW.attachments_failed,
        NEW.attachments_skipped, NEW.bytes_done) THEN
        RETURN NULL;
    END IF;
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

CREATE TRIGGER studies_count_update AFTER UPDATE OF state, range_date, department, window_id, listed_instances, instances, instances_done, instances_failed,
        instances_skipped, instances_received, instances_stored, instances_found, records, records_done,
        records_failed, records_skipped, attachments, attachments_done, attachments_failed,
        attachments_skipped, bytes_done
    ON studies FOR EACH ROW EXECUTE FUNCTION studies_count_update();

-- +goose Down
DROP TRIGGER studies_move ON studies;
DROP TRIGGER studies_count_update ON studies;

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION studies_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE check_violation USING MESSAGE = 'a study cannot make this move';
END;
$$;
-- +goose StatementEnd

CREATE TRIGGER studies_move BEFORE UPDATE OF state ON studies FOR EACH ROW
    WHEN (OLD.state <> NEW.state AND OLD.state || ' ' || NEW.state NOT IN (
        'to-migrate queued', 'to-migrate skipped', 'queued collecting', 'queued to-migrate',
        'collecting delivering', 'collecting to-migrate', 'collecting failed', 'collecting skipped',
        'delivering verifying', 'delivering to-migrate', 'delivering failed', 'delivering skipped',
        'verifying migrated', 'verifying to-migrate', 'verifying failed', 'verifying skipped',
        'migrated to-migrate', 'failed to-migrate', 'failed skipped', 'skipped to-migrate'))
    EXECUTE FUNCTION studies_move();

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION studies_count_update() RETURNS trigger LANGUAGE plpgsql AS $$
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

CREATE INDEX studies_in_hand ON studies (node)
    WHERE state IN ('queued', 'collecting', 'delivering', 'verifying');
