-- +goose Up

-- The counters of all days and windows together, by department. Adding them up is
-- cheaper here than one more table that every change of a study would write.
CREATE VIEW counted_in_all AS
SELECT department,
    to_migrate, queued, collecting, delivering, verifying, migrated, failed, skipped, listed,
    instances, instances_done, instances_failed, instances_skipped, instances_received,
    instances_stored, instances_found, records, records_done, records_failed, records_skipped,
    attachments, attachments_done, attachments_failed, attachments_skipped, bytes_done
FROM counters;

-- What was begun and given back: a node goes on with it without an order.
CREATE INDEX studies_begun ON studies (priority DESC, range_date DESC, id DESC)
    WHERE state = 'to-migrate' AND claimed_at > 0;

-- +goose Down
DROP INDEX studies_begun;
DROP VIEW counted_in_all;
