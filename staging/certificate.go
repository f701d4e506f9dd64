package staging

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"time"
)

// Certificate is one link of the chain of certificates: a document, opaque here,
// that names the SHA-256 of the document before it.
type Certificate struct {
	Number   int // from 1, without gaps
	StudyUID string
	Previous string // SHA-256 of the document before; "" for the first
	SHA256   string // of Document
	Document []byte
	IssuedAt time.Time
}

// Certify appends a certificate to the chain. draw writes its document, given its
// number and the digest of the one before, which it must hold. The chain does not
// move while draw runs, so it must be quick.
func (db *DB) Certify(ctx context.Context, studyUID string, draw func(number int, previous string) ([]byte, error)) (Certificate, error) {
	var c Certificate
	err := db.tx(ctx, "certify study "+studyUID, func(tx *tx) error {
		if err := db.alone(ctx, tx, certifyLock); err != nil {
			return err
		}
		last, err := scanCertificate(tx.QueryRowContext(ctx, `SELECT `+certificateColumns+` FROM certificates ORDER BY number DESC LIMIT 1`))
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		c = Certificate{Number: last.Number + 1, StudyUID: studyUID, Previous: last.SHA256, IssuedAt: fromMillis(db.now())}
		if c.Document, err = draw(c.Number, c.Previous); err != nil {
			return fmt.Errorf("write certificate %d: %w", c.Number, err)
		}
		digest := sha256.Sum256(c.Document)
		c.SHA256 = hex.EncodeToString(digest[:])
		_, err = tx.ExecContext(ctx, `INSERT INTO certificates (`+certificateColumns+`) VALUES ($1, $2, $3, $4, $5, $6)`,
			c.Number, c.StudyUID, c.Previous, c.SHA256, c.Document, millis(c.IssuedAt))
		return err
	})
	return c, err
}

// Certificate returns the certificate that was issued last for a study, or ErrNotFound.
func (db *DB) Certificate(ctx context.Context, studyUID string) (Certificate, error) {
	c, err := reading(ctx, db.engine, func() (Certificate, error) {
		return scanCertificate(db.read.QueryRowContext(ctx,
			`SELECT `+certificateColumns+` FROM certificates WHERE study_uid = $1 ORDER BY number DESC LIMIT 1`, studyUID))
	})
	return c, db.wrap("certificate of study "+studyUID, err)
}

// Certificates yields all certificates in the order of the chain.
func (db *DB) Certificates(ctx context.Context) iter.Seq2[Certificate, error] {
	return stream(ctx, db, "certificates", `SELECT `+certificateColumns+` FROM certificates ORDER BY number`, nil, scanCertificate)
}

const certificateColumns = `number, study_uid, previous, sha256, document, issued_at`

func scanCertificate(row scanner) (Certificate, error) {
	var c Certificate
	var issued int64
	err := row.Scan(&c.Number, &c.StudyUID, &c.Previous, &c.SHA256, &c.Document, &issued)
	if errors.Is(err, sql.ErrNoRows) {
		return c, ErrNotFound
	}
	c.IssuedAt = fromMillis(issued)
	return c, err
}
