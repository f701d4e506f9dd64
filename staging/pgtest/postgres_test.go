package pgtest_test

import (
	"context"
	"database/sql"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	"go.uber.org/goleak"

	"pacsbridge/staging/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestServerAnswersAndStops(t *testing.T) {
	var url string
	t.Run("while the test runs", func(t *testing.T) {
		url = pgtest.Start(t)
		if got := ask(t, url, "SELECT 'Grüße'||current_setting('fsync')"); got != "Grüßeoff" {
			t.Errorf("answer %q", got)
		}
	})
	if url == "" {
		t.Skip("no PostgreSQL")
	}
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.PingContext(context.Background()); err == nil {
		t.Error("it still answers after its test has ended")
	}
}

func TestTwoServersLiveSideBySide(t *testing.T) {
	a, b := pgtest.Start(t), pgtest.Start(t)
	const folder = "SHOW data_directory"
	if ask(t, a, folder) == ask(t, b, folder) {
		t.Error("both URLs lead to the same server")
	}
}

func ask(t *testing.T, url, query string) string {
	t.Helper()
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var answer string
	if err := db.QueryRowContext(t.Context(), query).Scan(&answer); err != nil {
		t.Fatal(err)
	}
	return answer
}
