-- +goose Up

-- The certificates that were issued, each chained to the one before by its SHA-256.
-- The chain is only appended to.
CREATE TABLE certificates (
    number    bigint PRIMARY KEY CHECK (number > 0),
    study_uid text    NOT NULL CHECK (study_uid <> ''),
    previous  text    NOT NULL,
    sha256    text    NOT NULL UNIQUE CHECK (length(sha256) = 64),
    document  bytea   NOT NULL,
    issued_at bigint NOT NULL
);

CREATE INDEX certificates_study ON certificates (study_uid, number);

-- +goose StatementBegin
CREATE FUNCTION certificates_chain() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.number <> (SELECT COALESCE(max(number), 0) + 1 FROM certificates)
        OR NEW.previous <> COALESCE((SELECT sha256 FROM certificates WHERE number = NEW.number - 1), '') THEN
        RAISE check_violation USING MESSAGE = 'a certificate is the next link of the chain';
    END IF;
    RETURN NEW;
END;
$$;
-- +goose StatementEnd

CREATE TRIGGER certificates_chain BEFORE INSERT ON certificates FOR EACH ROW
    EXECUTE FUNCTION certificates_chain();

-- +goose StatementBegin
CREATE FUNCTION certificates_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF true THEN
        RAISE check_violation USING MESSAGE = 'a certificate that was issued stays as it is';
    END IF;
    RETURN NEW;
END;
$$;
-- +goose StatementEnd

CREATE TRIGGER certificates_stay BEFORE UPDATE OR DELETE ON certificates FOR EACH ROW
    EXECUTE FUNCTION certificates_stay();

-- +goose Down
DROP TABLE certificates;
DROP FUNCTION certificates_chain, certificates_stay;
