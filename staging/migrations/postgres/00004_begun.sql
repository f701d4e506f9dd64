-- +goose Up

-- The counters of all days and windows together, by department: fourteen years of ten
-- departments are fifty thousand rows of counters, and most want to know the whole.
CREATE TABLE totals (
    department text COLLATE "C" PRIMARY KEY,
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
    bytes_done bigint NOT NULL DEFAULT 0
);

INSERT INTO totals SELECT department,
    sum(to_migrate), sum(queued), sum(collecting), sum(delivering), sum(verifying), sum(migrated),
    sum(failed), sum(skipped), sum(listed), sum(instances), sum(instances_done),
    sum(instances_failed), sum(instances_skipped), sum(instances_received), sum(instances_stored),
    sum(instances_found), sum(records), sum(records_done), sum(records_failed),
    sum(records_skipped), sum(attachments), sum(attachments_done), sum(attachments_failed),
    sum(attachments_skipped), sum(bytes_done)
FROM counters GROUP BY department;

CREATE VIEW counted_in_all AS
SELECT department,
    to_migrate, queued, collecting, delivering, verifying, migrated, failed, skipped, listed,
    instances, instances_done, instances_failed, instances_skipped, instances_received,
    instances_stored, instances_found, records, records_done, records_failed, records_skipped,
    attachments, attachments_done, attachments_failed, attachments_skipped, bytes_done
FROM totals
UNION ALL SELECT department,
    to_migrate, queued, collecting, delivering, verifying, migrated, failed, skipped, listed,
    instances, instances_done, instances_failed, instances_skipped, instances_received,
    instances_stored, instances_found, records, records_done, records_failed, records_skipped,
    attachments, attachments_done, attachments_failed, attachments_skipped, bytes_done
FROM counter_changes;

-- What was begun and given back: a node goes on with it without an order.
CREATE INDEX studies_begun ON studies (priority DESC, range_date DESC, id DESC)
    WHERE state = 'to-migrate' AND claimed_at > 0;

-- +goose Down
DROP INDEX studies_begun;
DROP VIEW counted_in_all;
DROP TABLE totals;
