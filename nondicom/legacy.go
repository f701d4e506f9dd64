package nondicom

import (
	"context"
	"errors"
	"time"
)

// LegacyOptions say how the old system's database is read.
type LegacyOptions struct {
	// URL is postgres://… or sqlite:path.
	URL string
	// Records is the query for study records, with :from and :to; it holds
	// neither ORDER BY nor LIMIT.
	Records string
	// Attachments is the query for a record's attachments, with :study_key.
	// Empty: there are none.
	Attachments string
	// Batch is how many records Records returns when its limit is zero; zero
	// means 50.
	Batch int
	// Timeout bounds each query, at the server too; zero means one minute.
	Timeout time.Duration
}

// Legacy is the old system's database, opened for reading.
type Legacy struct{}

// OpenLegacy opens the database and checks that it answers. Nothing is ever
// written to it: every query runs in a read-only transaction.
func OpenLegacy(ctx context.Context, options LegacyOptions) (*Legacy, error) {
	return nil, errors.New("legacy database: not built yet")
}

// Records returns the records with from <= date < to whose key follows after,
// in the order of their keys, at most limit of them (zero: the batch of the
// options). An empty after begins; an empty result ends. The next call's after
// is the StudyKey of the last record.
func (l *Legacy) Records(ctx context.Context, from, to time.Time, after string, limit int) ([]Record, error) {
	return nil, nil
}

// Attachments returns the attachments of one record, ordered by their key.
func (l *Legacy) Attachments(ctx context.Context, studyKey string) ([]Attachment, error) {
	return nil, nil
}

// Ping checks that the database answers.
func (l *Legacy) Ping(ctx context.Context) error { return nil }

// Close closes the connections.
func (l *Legacy) Close() error { return nil }
