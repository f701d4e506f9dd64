package staging

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// Kind says what a study row stands for.
type Kind string

// The kinds of study.
const (
	// Images is a study that OLD lists.
	Images Kind = "images"
	// Ghost is a legacy record that joined no study and became one of its own.
	Ghost Kind = "ghost"
	// Ambiguous is a placeholder for a legacy record that could join more than
	// one study; it waits for a person.
	Ambiguous Kind = "ambiguous"
)

// Origin says how a study came into the ledger.
type Origin string

// The origins of a study.
const (
	Inventoried Origin = ""            // OLD lists it, or a legacy record tells of it
	Unsolicited Origin = "unsolicited" // its instances came without being asked for
)

// Study is one study of the ledger: who it belongs to, where it stands and why.
type Study struct {
	ID              int64  // the ledger's own number, given by the database
	UID             string // Study Instance UID
	Key             string // key of the legacy record that belongs to it, if any
	Kind            Kind
	PatientID       string
	Issuer          string // of the patient ID
	AccessionNumber string
	Department      string
	Modalities      string
	Description     string
	Date            string // StudyDate as "2026-01-31", "" where the study has none
	RangeDate       string // the day by which a date range finds it; "" means Date
	ListedInstances int    // how many instances OLD lists, -1 where it does not say
	Priority        int    // greater goes first
	Attempts        int    // attempts used, the running one included
	SoftTries       int    // attempts given back: the peer was busy, the link was down, the work was cut short
	State           State
	Class           Class
	Reason          string
	WaitingSince    time.Time // of the first soft try in a row; zero where it does not wait for a peer
	VerifyingSince  time.Time // when it began to wait for its proof; zero where it did not have to
	MigratedAt      time.Time // when it was migrated last; zero where it never was
	Origin          Origin    // how it came into the ledger
	Holder          string    // the node that alone holds instances of it which nobody asked for, and alone may work on it
}

// ErrNotFound is returned when the ledger holds no such row.
var ErrNotFound = errors.New("not in the ledger")

// studyColumns are the columns scanStudy reads, in its order.
const studyColumns = `id, uid, study_key, kind, patient_id, issuer, accession_number, department, modalities, description,
	study_date, range_date, listed_instances, priority, attempts, soft_tries, state, class, reason, waiting_since, migrated_at,
	origin, holder, verify_since`

type scanner interface{ Scan(dest ...any) error }

func scanStudy(row scanner) (Study, error) {
	var s Study
	var waiting, migrated, verifying int64
	err := row.Scan(&s.ID, &s.UID, &s.Key, &s.Kind, &s.PatientID, &s.Issuer, &s.AccessionNumber, &s.Department,
		&s.Modalities, &s.Description, &s.Date, &s.RangeDate, &s.ListedInstances, &s.Priority, &s.Attempts,
		&s.SoftTries, &s.State, &s.Class, &s.Reason, &waiting, &migrated, &s.Origin, &s.Holder, &verifying)
	s.WaitingSince, s.MigratedAt, s.VerifyingSince = fromMillis(waiting), fromMillis(migrated), fromMillis(verifying)
	if errors.Is(err, sql.ErrNoRows) {
		return s, ErrNotFound
	}
	return s, err
}

// Study returns the study with a Study Instance UID and its items, or
// ErrNotFound.
func (db *DB) Study(ctx context.Context, uid string) (Study, []Item, error) {
	s, err := reading(ctx, db.engine, func() (Study, error) {
		return scanStudy(db.read.QueryRowContext(ctx, `SELECT `+studyColumns+` FROM studies WHERE uid = $1`, uid))
	})
	if err != nil {
		return Study{}, nil, db.wrap("study "+uid, err)
	}
	items, err := reading(ctx, db.engine, func() ([]Item, error) { return readItems(ctx, db.read, s.ID) })
	if err != nil {
		return Study{}, nil, db.wrap("items of study "+uid, err)
	}
	return s, items, nil
}

// underWay spells its conditions as the partial indexes do.
const underWay = `SELECT uid FROM studies WHERE ` + inHand + `
	UNION ALL SELECT uid FROM studies WHERE state = 'to-migrate' AND claimed_at > 0`

// UnderWay lists the studies that were begun and have not come to their end: those of
// which a node may hold something that is used again.
func (db *DB) UnderWay(ctx context.Context) ([]string, error) {
	var uids []string
	err := db.each(ctx, underWay, nil, func(row scanner) error {
		var uid string
		err := row.Scan(&uid)
		uids = append(uids, uid)
		return err
	})
	return uids, db.wrap("studies under way", err)
}
