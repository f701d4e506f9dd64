-- +goose Up

-- The certificates that were issued, each chained to the one before by its SHA-256.
-- The chain is only appended to.
CREATE TABLE certificates (
    number    integer PRIMARY KEY CHECK (number > 0),
    study_uid text    NOT NULL CHECK (study_uid <> ''),
    previous  text    NOT NULL,
    sha256    text    NOT NULL UNIQUE CHECK (length(sha256) = 64),
    document  blob    NOT NULL,
    issued_at integer NOT NULL
);

CREATE INDEX certificates_study ON certificates (study_uid, number);

-- +goose StatementBegin
CREATE TRIGGER certificates_chain BEFORE INSERT ON certificates
WHEN NEW.number <> (SELECT COALESCE(max(number), 0) + 1 FROM certificates)
    OR NEW.previous <> COALESCE((SELECT sha256 FROM certificates WHERE number = NEW.number - 1), '')
BEGIN
    SELECT RAISE(ABORT, 'a certificate is the next link of the chain');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER certificates_stay BEFORE UPDATE ON certificates
BEGIN
    SELECT RAISE(ABORT, 'a certificate that was issued stays as it is');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER certificates_remain BEFORE DELETE ON certificates
BEGIN
    SELECT RAISE(ABORT, 'a certificate that was issued stays');
END;
-- +goose StatementEnd

-- +goose Down
DROP TABLE certificates;
