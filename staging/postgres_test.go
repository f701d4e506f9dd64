package staging_test

import (
	"context"
	"fmt"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"pacsbridge/staging"
	"pacsbridge/staging/pgtest"
)

// cluster is the server that all tests of a run share: starting one takes longer
// than most tests. Each test has a database of its own in it.
var cluster struct {
	once      sync.Once
	template  *url.URL
	databases atomic.Int32
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
		createDatabase(tb, u, "CREATE DATABASE template")
		u.Path = "/template"
		db, err := staging.Open(ctx, staging.Options{URL: u.String(), Logger: silent})
		must(tb, err)
		must(tb, db.Close())
		cluster.template = u
	})
	if cluster.template == nil {
		tb.Skip("there is no PostgreSQL")
	}
	u := *cluster.template
	name := fmt.Sprintf("ledger_%d", cluster.databases.Add(1))
	createDatabase(tb, &u, "CREATE DATABASE "+name+" TEMPLATE template")
	tb.Cleanup(func() { createDatabase(tb, cluster.template, "DROP DATABASE "+name+" WITH (FORCE)") })
	u.Path = "/" + name
	return u.String()
}

// createDatabase runs a statement about databases, from one that nobody copies.
func createDatabase(tb testing.TB, server *url.URL, statement string) {
	tb.Helper()
	u := *server
	u.Path = "/postgres"
	conn, err := pgx.Connect(context.Background(), u.String())
	must(tb, err)
	defer conn.Close(context.Background())
	_, err = conn.Exec(context.Background(), statement)
	must(tb, err)
}
