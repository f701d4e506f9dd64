package staging

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"path/filepath"
	"reflect"
	"testing"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

func openPrepared(t *testing.T) *sql.DB {
	t.Helper()
	db := openSQLitePool(filepath.Join(t.TempDir(), "prepared.db"), 1, "immediate")
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	exec(t, db, `CREATE TABLE n (v INTEGER PRIMARY KEY); INSERT INTO n VALUES (1); INSERT INTO n VALUES (2)`)
	return db
}

func exec(t *testing.T, db *sql.DB, query string, args ...any) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

func numbers(t *testing.T, ask func(context.Context, string, ...any) (*sql.Rows, error), query string, each func(int)) {
	t.Helper()
	rows, err := ask(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var v int
		if err := rows.Scan(&v); err != nil {
			t.Fatal(err)
		}
		each(v)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
}

func TestAStatementThatIsBeingReadCanRunOnceMore(t *testing.T) {
	db := openPrepared(t)
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const query = `SELECT v FROM n ORDER BY v`
	var pairs []string
	for range 2 { // the second time with kept statements
		numbers(t, conn.QueryContext, query, func(a int) {
			numbers(t, conn.QueryContext, query, func(b int) { pairs = append(pairs, fmt.Sprint(a, b)) })
		})
	}
	if got, want := fmt.Sprint(pairs), "[1 1 1 2 2 1 2 2 1 1 1 2 2 1 2 2]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestKeptStatementsFollowTheSchemaAndTheirOwnFailures(t *testing.T) {
	db := openPrepared(t)
	const insert = `INSERT INTO n (v) VALUES (?)`
	for range 3 {
		if _, err := db.ExecContext(t.Context(), insert, 1); err == nil {
			t.Fatal("a second 1 was taken")
		}
	}
	exec(t, db, insert, 3)
	sum := func() (total int) {
		numbers(t, db.QueryContext, `SELECT * FROM n`, func(v int) { total += v })
		return total
	}
	if got := sum(); got != 6 {
		t.Errorf("%d, want 6", got)
	}
	exec(t, db, `DROP TABLE n`)
	exec(t, db, `CREATE TABLE n (v INTEGER PRIMARY KEY)`)
	if got := sum(); got != 0 {
		t.Errorf("%d in a new table", got)
	}
	exec(t, db, insert, 5)
	if got := sum(); got != 5 {
		t.Errorf("%d, want 5", got)
	}
}

func TestStatementsThatNeverComeAgainAreNotKeptForEver(t *testing.T) {
	db := openPrepared(t)
	for i := range 3 * statementsKept {
		exec(t, db, fmt.Sprintf(`UPDATE n SET v = v WHERE v = %d`, i))
	}
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	err = conn.Raw(func(c any) error {
		p := c.(*preparing)
		kept := 0
		for _, idle := range p.idle {
			kept += len(idle)
		}
		if kept != p.kept || kept > statementsKept || kept == 0 {
			t.Errorf("%d statements are kept, %d counted", kept, p.kept)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A parameter in LIMIT has SQLite read the statement anew in each run.
func TestALimitDoesNotHaveItsStatementPreparedAnew(t *testing.T) {
	db := openPrepared(t)
	for _, placeholder := range []string{"?", "?1", "$1"} {
		for range 5 {
			exec(t, db, `UPDATE n SET v = v WHERE v IN (SELECT v FROM n ORDER BY v LIMIT `+placeholder+`)`, 1)
		}
	}
	statements := 0
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	err = conn.Raw(func(c any) error {
		for text, idle := range c.(*preparing).idle {
			for _, statement := range idle {
				statements++
				if again := preparedAnew(statement); again > 0 {
					t.Errorf("%s: was prepared %d times more", text, again)
				}
			}
		}
		return nil
	})
	if err != nil || statements < 3 {
		t.Errorf("%d statements are kept, want 3 or more: %v", statements, err)
	}
}

// preparedAnew asks SQLite how often it had to prepare a statement once more. The
// driver keeps SQLite's handle to itself.
func preparedAnew(statement driver.Stmt) int32 {
	handle := reflect.ValueOf(statement).Elem().FieldByName("pstmt").Uint()
	if handle == 0 {
		return 0 // several statements in one text, which the driver does not keep
	}
	tls := libc.NewTLS()
	defer tls.Close()
	return sqlite3.Xsqlite3_stmt_status(tls, uintptr(handle), sqlite3.SQLITE_STMTSTATUS_REPREPARE, 0)
}
