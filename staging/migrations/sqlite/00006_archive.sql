-- +goose Up

-- Where an item stands, or will stand, in the new system's own archive: the name of its
-- file, or that of its row; '' where it does not go there.
ALTER TABLE items ADD COLUMN archive text NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE items DROP COLUMN archive;
