-- +goose Up

-- A study in verifying that waits for its proof is in nobody's hand: a job looks at NEW
-- again from verify_at on. 0 is every other study. verify_since is when it began to wait.
ALTER TABLE studies ADD COLUMN verify_at bigint NOT NULL DEFAULT 0 CHECK (verify_at = 0 OR state = 'verifying');
ALTER TABLE studies ADD COLUMN verify_since bigint NOT NULL DEFAULT 0;

CREATE INDEX studies_to_verify ON studies (verify_at) WHERE verify_at > 0;

-- +goose Down
DROP INDEX studies_to_verify;
ALTER TABLE studies DROP COLUMN verify_since;
ALTER TABLE studies DROP COLUMN verify_at;
