-- +goose Up

-- studies_patient_in_hand holds the same few rows.
DROP INDEX studies_in_hand;

-- +goose Down
CREATE INDEX studies_in_hand ON studies (node, state, lease_until)
    WHERE state IN ('queued', 'collecting', 'delivering', 'verifying');
