package staging_test

import (
	"context"
	"fmt"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"pacsbridge/staging"
	"pacsbridge/staging/pgtest"
)

// cluster is the server that all tests of a run share: starting one takes longer
// than most tests. Each test has a database of its own in it.
var cluster struct {
	once      sync.Once
	template  *url.URL
	databases atomic.Int32
	free      chan string // paths of databases that are empty again
	stop      func()
}

// stopCluster ends the server after the last test.
func stopCluster() {
	if cluster.stop != nil {
		cluster.stop()
	}
}

// emptyPostgres gives the URL of a database with the schema and nothing else,
// copied from a template that is made once.
func emptyPostgres(tb testing.TB) string {
	tb.Helper()
	ctx := context.Background()
	cluster.once.Do(func() {
		var server string
		server, cluster.stop = pgtest.Shared(tb)
		u, err := url.Parse(server)
		must(tb, err)
		onServer(tb, u, "/postgres", "CREATE DATABASE template")
		u.Path = "/template"
		db, err := staging.Open(ctx, staging.Options{URL: u.String(), Logger: silent})
		must(tb, err)
		must(tb, db.Close())
		cluster.template, cluster.free = u, make(chan string, 1000)
	})
	if cluster.template == nil {
		tb.Skip("there is no PostgreSQL")
	}
	u := *cluster.template
	select {
	case u.Path = <-cluster.free:
	default:
		name := fmt.Sprintf("ledger_%d", cluster.databases.Add(1))
		onServer(tb, &u, "/postgres", "CREATE DATABASE "+name+" TEMPLATE template")
		u.Path = "/" + name
	}
	tb.Cleanup(func() {
		onServer(tb, &u, u.Path, emptyAll)
		cluster.free <- u.Path
	})
	return u.String()
}

// emptyAll empties every table but those that describe the schema: a copy of the
// template takes a second or two.
const emptyAll = `DO $$ BEGIN EXECUTE (
	SELECT 'TRUNCATE ' || string_agg(quote_ident(relname), ', ') || ' RESTART IDENTITY' FROM pg_class
	WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
		AND relname NOT IN ('goose_db_version', 'river_migration', 'study_moves'));
END $$`

// onServer runs a statement in one of the server's databases.
func onServer(tb testing.TB, server *url.URL, database, statement string) {
	tb.Helper()
	u := *server
	u.Path = database
	conn, err := pgx.Connect(context.Background(), u.String())
	must(tb, err)
	defer conn.Close(context.Background())
	_, err = conn.Exec(context.Background(), statement)
	must(tb, err)
}

func TestADatabaseThatComesBackIsToldByItsCode(t *testing.T) {
	for code, away := range map[string]bool{
		"08006": true,  // connection failure
		"25006": true,  // read-only: the standby that takes over is not promoted yet
		"40P01": true,  // deadlock
		"53300": true,  // too many connections
		"53100": false, // disk full: it passes, but not at once
		"57P01": true,  // shut down
		"57014": false, // query cancelled
		"23505": false, // unique violation
		"42501": false, // insufficient privilege
	} {
		err := fmt.Errorf("claim study 1: %w", &pgconn.PgError{Code: code})
		if staging.PostgresAway(err) != away {
			t.Errorf("%s: away is %v", code, !away)
		}
	}
}
