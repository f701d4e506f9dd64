package staging

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

const (
	// postgresConnections is how many connections a node opens at most, unless
	// the URL says pool_max_conns.
	postgresConnections = 16
	// postgresApplication is the name under which the database lists us.
	postgresApplication = "pacsbridge"
	// postgresIdle is after how long the database ends a transaction of which it
	// hears nothing: a node that was suspended, or cut off from the network, must
	// not hold the locks of the others for longer than its studies. Milliseconds.
	postgresIdle = "5000"
	// postgresLocked is how long a statement waits for a lock until it looks who has
	// that. Milliseconds.
	postgresLocked = "10000"
)

// postgresKeepAlive finds out within half a minute that the database's machine is gone.
var postgresKeepAlive = net.KeepAliveConfig{Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 4}

// postgresUnblock ends the sessions of this user that have changed or locked something
// and in which nothing goes on but waiting for their process: it was suspended, or cut
// off, in the middle of a statement, which idle_in_transaction_session_timeout does not
// cover. One that was only slow finds its connection gone, and does it once more.
const postgresUnblock = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = current_user
	AND datname = current_database() AND backend_xid IS NOT NULL AND wait_event_type = 'Client'
	AND state_change < clock_timestamp() - current_setting('lock_timeout')::interval`

// openPostgres opens the engine for several nodes: one pool, which River uses by
// itself and the ledger through database/sql.
func openPostgres(ctx context.Context, url string, log *slog.Logger) (*engine, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("staging: %w", err) // pgx leaves the password out
	}
	if !strings.Contains(url, "pool_max_conns") {
		config.MaxConns = postgresConnections
	}
	for name, value := range map[string]string{
		"application_name": postgresApplication, "idle_in_transaction_session_timeout": postgresIdle, "lock_timeout": postgresLocked,
	} {
		if config.ConnConfig.RuntimeParams[name] == "" {
			config.ConnConfig.RuntimeParams[name] = value
		}
	}
	config.ConnConfig.DialFunc = (&net.Dialer{KeepAliveConfig: postgresKeepAlive}).DialContext
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("staging: %w", err)
	}
	e := &engine{
		log: log, write: stdlib.OpenDBFromPool(pool), in: postgresIn, inNumbers: postgresInNumbers, fill: postgresFill,
		locked: " FOR UPDATE", skipLocked: " FOR UPDATE OF s SKIP LOCKED",
		busy: postgresBusy, away: postgresAway, awayFor: restartFor, alone: postgresAlone, fold: postgresFold,
		changesInWith: true, aMinuteAgo: "now() - interval '1 minute'",
	}
	e.read = e.write
	e.close = func() error {
		err := e.write.Close()
		pool.Close()
		return err
	}
	e.clock = (&databaseClock{db: e.write}).now
	e.unblock = e.unblockPostgres
	e.scheduler = func(c *river.Config) (scheduler, error) { return newPostgresScheduler(pool, c, log) }
	err = pool.Ping(ctx) // where nobody is, that is told at once; who restarts is waited for
	if err == nil || postgresStarts(err) {
		err = e.again(ctx, func() error { return e.preparePostgres(ctx, pool, log) })
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("staging: open %s: %w", config.ConnConfig.Database, err), e.close())
	}
	return e, nil
}

// unblockPostgres looks who has the lock that a statement did not get in time.
func (e *engine) unblockPostgres(ctx context.Context, err error) {
	var refused *pgconn.PgError
	if !errors.As(err, &refused) || refused.Code != "55P03" {
		return
	}
	ended, err := rowsOf(e.write.ExecContext(ctx, postgresUnblock))
	if err != nil || ended > 0 {
		e.log.Warn("sessions of suspended processes that held locks were ended", "sessions", ended, "error", err)
	}
}

// preparePostgres brings both schemas up to date, one node at a time.
func (e *engine) preparePostgres(ctx context.Context, pool *pgxpool.Pool, log *slog.Logger) error {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	if _, err := conn.Exec(ctx, `SELECT pg_advisory_lock($1)`, int64(schemaLock)); err != nil {
		return err
	}
	defer conn.Exec(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock($1)`, int64(schemaLock))
	if err := migrate(ctx, goose.DialectPostgres, e.write, "migrations/postgres", log); err != nil {
		return err
	}
	m, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Logger: quiet(log)})
	if err != nil {
		return fmt.Errorf("prepare queue schema: %w", err)
	}
	if _, err := m.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return fmt.Errorf("update queue schema: %w", err)
	}
	e.jobs, err = e.scheduler(&river.Config{})
	return err
}

func postgresIn(column, placeholder string) string {
	return column + " = ANY (ARRAY(SELECT json_array_elements_text(" + placeholder + "::json)))"
}

func postgresInNumbers(column, placeholder string) string {
	return column + " = ANY (ARRAY(SELECT json_array_elements_text(" + placeholder + "::json)::bigint))"
}

// postgresAlone waits until no other transaction of the cluster does the same.
func postgresAlone(ctx context.Context, tx *tx, what lock) error {
	_, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock($1)`, int64(what))
	return err
}

// postgresFill loads rows by COPY.
func postgresFill(ctx context.Context, tx *tx, table string, columns []string, rows [][]any) error {
	return tx.pgx(func(conn *pgx.Conn) error {
		_, err := conn.CopyFrom(ctx, pgx.Identifier{table}, columns, pgx.CopyFromRows(rows))
		return err
	})
}

// postgresAway tells the errors after which a transaction may simply be run once
// more: the server is gone, stops or starts, is still a standby, or took two
// transactions for a deadlock (PostgreSQL manual, appendix A).
func postgresAway(err error) bool {
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		switch refused.Code {
		case "40001", "40P01", // serialization failure, deadlock
			"57P01", "57P02", "57P03", // shut down, crashed, cannot connect now
			"25006", // read-only: a standby, which is about to take over
			"25P03", // idle in a transaction: this process was suspended
			"55P03", // lock not available in time
			"53300": // too many connections
			return true
		}
		return strings.HasPrefix(refused.Code, "08") // connection exceptions
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	var connect *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &connect) || errors.As(err, &network) || pgconn.SafeToRetry(err) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone)
}

// postgresStarts fits a server that is there and not ready yet.
func postgresStarts(err error) bool {
	var refused *pgconn.PgError
	return errors.As(err, &refused) && refused.Code == "57P03"
}

// postgresBusy tells the errors that pass: those, and a disk that is full for the
// moment.
func postgresBusy(err error) bool {
	var refused *pgconn.PgError
	if errors.As(err, &refused) && strings.HasPrefix(refused.Code, "53") {
		return true // insufficient resources
	}
	return postgresAway(err)
}

// databaseClock is the time of the database, which all nodes agree on whatever
// their own clocks say: it is asked now and then, and the monotonic clock counts
// from there.
type databaseClock struct {
	db *sql.DB

	mu      sync.Mutex
	said    time.Time // what the database said
	heard   time.Time // when, by the monotonic clock
	nextAsk time.Time
}

const (
	clockLasts    = 10 * time.Second // until the database is asked again
	clockPatience = time.Second      // for its answer
)

func (c *databaseClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !time.Now().Before(c.nextAsk) {
		c.ask()
	}
	if c.said.IsZero() {
		return time.Now()
	}
	return c.said.Add(time.Since(c.heard))
}

// ask keeps what is known where the database does not answer: whoever wants the
// time will write next, and learn of it then.
func (c *databaseClock) ask() {
	ctx, cancel := context.WithTimeout(context.Background(), clockPatience)
	defer cancel()
	c.nextAsk = time.Now().Add(clockPatience)
	var said time.Time
	if err := c.db.QueryRowContext(ctx, `SELECT clock_timestamp()`).Scan(&said); err != nil {
		return
	}
	c.said, c.heard = said, time.Now()
	c.nextAsk = c.heard.Add(clockLasts)
}

const (
	// gatherFor is how long free workers wait for one another, so that one query
	// fetches the studies of several.
	gatherFor = 20 * time.Millisecond
	// pollInterval is how often River looks for jobs that no NOTIFY told of.
	pollInterval = time.Second
)

// postgresScheduler is River on pgx: jobs wake their workers by NOTIFY.
type postgresScheduler struct{ *river.Client[pgx.Tx] }

func newPostgresScheduler(pool *pgxpool.Pool, c *river.Config, log *slog.Logger) (scheduler, error) {
	c.FetchCooldown, c.FetchPollInterval = gatherFor, pollInterval
	c.Logger = quiet(log)
	client, err := river.NewClient(riverpgxv5.New(pool), c)
	if err != nil {
		return nil, fmt.Errorf("staging: queue: %w", err)
	}
	return postgresScheduler{client}, nil
}

// insert inserts jobs within the ledger's own transaction.
func (s postgresScheduler) insert(ctx context.Context, tx *tx, jobs []river.InsertManyParams) error {
	return tx.pgx(func(conn *pgx.Conn) error {
		_, err := s.InsertManyTx(ctx, borrowed{conn}, jobs)
		return err
	})
}

// pgx lends the connection of a transaction to what database/sql does not know:
// COPY, and River.
func (t *tx) pgx(use func(*pgx.Conn) error) error {
	return t.conn.Raw(func(driverConn any) error { return use(driverConn.(*stdlib.Conn).Conn()) })
}

// borrowed is the transaction that a connection is in, as pgx calls it. Its end
// belongs to whoever lent it.
type borrowed struct{ connection }

type connection = *pgx.Conn

var _ pgx.Tx = borrowed{}

func (b borrowed) Conn() *pgx.Conn              { return b.connection }
func (borrowed) Commit(context.Context) error   { return errLent }
func (borrowed) Rollback(context.Context) error { return errLent }
func (borrowed) LargeObjects() pgx.LargeObjects { return pgx.LargeObjects{} }

var errLent = errors.New("a lent transaction is ended by its owner")
