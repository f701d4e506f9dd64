-- +goose Up

-- When a study was migrated last; 0 where that was before the ledger kept it, or never.
ALTER TABLE studies ADD COLUMN migrated_at bigint NOT NULL DEFAULT 0;

-- The requests for storage commitment, each with what it names and what was answered.
-- What is settled keeps its numbers, and of its objects those that failed.
CREATE TABLE commitments (
    transaction_uid text COLLATE "C" PRIMARY KEY CHECK (transaction_uid <> ''),
    study_uid       text COLLATE "C" NOT NULL CHECK (study_uid <> ''),
    state           text COLLATE "C" NOT NULL DEFAULT 'asked' CHECK (state IN ('asked', 'answered', 'settled')),
    objects         text    NOT NULL,
    named           integer NOT NULL CHECK (named > 0),
    committed       integer NOT NULL DEFAULT 0 CHECK (committed >= 0),
    failed          integer NOT NULL DEFAULT 0 CHECK (failed >= 0),
    asked_at        bigint NOT NULL,
    answered_at     bigint NOT NULL DEFAULT 0
);

CREATE INDEX commitments_study ON commitments (study_uid, asked_at);
CREATE INDEX commitments_open ON commitments (state, asked_at) WHERE state <> 'settled';

-- +goose Down
DROP TABLE commitments;
ALTER TABLE studies DROP COLUMN migrated_at;
