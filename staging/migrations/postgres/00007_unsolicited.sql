-- +goose Up

-- How a study came into the ledger: '' where the old PACS or a legacy record told of it,
-- 'unsolicited' where its instances came without being asked for.
ALTER TABLE studies ADD COLUMN origin text COLLATE "C" NOT NULL DEFAULT '' CHECK (origin IN ('', 'unsolicited'));

-- The node that alone holds instances of the study which came without being asked for;
-- only that node can work on it. '' where there are none on their way.
ALTER TABLE studies ADD COLUMN holder text COLLATE "C" NOT NULL DEFAULT '';

CREATE INDEX studies_unsolicited ON studies (range_date, state) WHERE origin <> '';

-- +goose Down
DROP INDEX studies_unsolicited;
ALTER TABLE studies DROP COLUMN holder;
ALTER TABLE studies DROP COLUMN origin;
