package nondicom

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"
)

// What LegacyOptions leave open.
const (
	defaultBatch   = 50
	defaultTimeout = time.Minute
)

// legacyConnections bounds the pool: the old system's users come first.
const legacyConnections = 4

// timeoutGrace is how much longer than the server we wait, so that its own
// message arrives.
const timeoutGrace = 5 * time.Second

// maxAttachments bounds what one record may own: a query that forgot its
// condition returns every attachment there is.
const maxAttachments = 10000

// LegacyOptions say how the old system's database is read.
type LegacyOptions struct {
	// URL is postgres://…, mysql://…, sqlserver://…, oracle://… or
	// sqlite:path.
	URL string
	// Records is the query for study records, with :from and :to; it holds
	// neither ORDER BY nor LIMIT.
	Records string
	// Attachments is the query for a record's attachments, with :study_key.
	// Empty: there are none.
	Attachments string
	// Charset is the character set that the text is in where the database
	// does not know it: gbk, latin1 and the like, as a web page would name it.
	// Empty: what the database says is right.
	Charset string
	// Batch is how many records Records returns when its limit is zero; zero
	// means 50.
	Batch int
	// Timeout bounds each query, at the server too; zero means one minute.
	Timeout time.Duration
}

// Legacy is the old system's database, opened for reading. It may be used by
// several goroutines.
type Legacy struct {
	db                   *sql.DB
	dialect              *dialect
	records, attachments statement
	batch                int
	timeout              time.Duration
	cells                cells

	keyLock sync.Mutex
	key     *keyColumn // of the records query, once it is known
}

// OpenLegacy opens the database and checks that it answers. Nothing is ever
// written to it: every query runs in a read-only transaction.
func OpenLegacy(ctx context.Context, options LegacyOptions) (*Legacy, error) {
	d, err := dialectOf(options.URL)
	if err != nil {
		return nil, err
	}
	l := &Legacy{dialect: d, batch: options.Batch, timeout: options.Timeout}
	if l.batch <= 0 {
		l.batch = defaultBatch
	}
	if l.timeout <= 0 {
		l.timeout = defaultTimeout
	}
	if err := l.parse(options); err != nil {
		return nil, err
	}
	if l.cells.charset, err = newCharset(options.Charset); err != nil {
		return nil, err
	}
	if l.db, err = d.connect(options.URL); err != nil {
		return nil, err
	}
	l.db.SetMaxOpenConns(legacyConnections)
	l.db.SetMaxIdleConns(legacyConnections)
	if err := l.Ping(ctx); err != nil {
		return nil, errors.Join(err, l.db.Close())
	}
	l.cells.zone, l.cells.raw = d.zone(ctx, l.db), d.cell
	return l, nil
}

// parse reads both queries of the settings.
func (l *Legacy) parse(options LegacyOptions) (err error) {
	if l.records, err = parseStatement(options.Records, l.dialect.lexis, "from", "to"); err != nil {
		return fmt.Errorf("legacy.records: %w", err)
	}
	for _, name := range []string{"from", "to"} {
		if !l.records.uses(name) {
			return fmt.Errorf("legacy.records: no :%s in the query: every window would return every record", name)
		}
	}
	if options.Attachments == "" {
		return nil
	}
	if l.attachments, err = parseStatement(options.Attachments, l.dialect.lexis, "study_key"); err != nil {
		return fmt.Errorf("legacy.attachments: %w", err)
	}
	if !l.attachments.uses("study_key") {
		return errors.New("legacy.attachments: no :study_key in the query: every record would own every attachment")
	}
	return nil
}

// Ping checks that the database answers.
func (l *Legacy) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	return l.fault(ctx, "connect", l.db.PingContext(ctx))
}

// Close closes the connections.
func (l *Legacy) Close() error { return l.db.Close() }

// reading runs a query's work in a read-only transaction that is always rolled
// back.
func (l *Legacy) reading(ctx context.Context, doing string, work func(context.Context, *sql.Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, l.timeout+timeoutGrace)
	defer cancel()
	tx, err := l.db.BeginTx(ctx, l.dialect.begin)
	if err != nil {
		return l.fault(ctx, doing, err)
	}
	defer tx.Rollback() //nolint:errcheck // nothing was written
	if err := l.dialect.bound(ctx, tx, l.timeout); err != nil {
		return l.fault(ctx, doing, err)
	}
	return l.fault(ctx, doing, work(ctx, tx))
}
