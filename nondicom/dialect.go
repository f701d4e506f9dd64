package nondicom

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// dialect is what differs from database to database. A new one is a value of
// this type and a line in dialects.
type dialect struct {
	lexis lexis
	// connect opens a pool that reads only; it need not talk to the server.
	connect func(url string) (*sql.DB, error)
	// zone is the time zone of the server's sessions.
	zone func(ctx context.Context, db *sql.DB) *time.Location
	// begin says how a transaction that reads only begins; nil where the
	// driver knows none. Then bound makes it one, or the wrapping does: what
	// stands in a derived table can only read.
	begin *sql.TxOptions
	// bound limits the statements of a transaction at the server.
	bound func(ctx context.Context, tx *sql.Tx, limit time.Duration) error
	// placeholder is where the n-th value goes, counted from 1.
	placeholder func(n int) string
	// date makes a date of a placeholder bound to 2026-01-31.
	date func(placeholder string) string
	// key says how a column is used as a key.
	key func(ctx context.Context, tx *sql.Tx, probe keyProbe) (keyColumn, error)
	// quote quotes a column's name.
	quote func(name string) string
	// nullsFirst stands behind ORDER BY key so that rows without one come
	// first.
	nullsFirst string
	// limit is a SELECT of what stands behind that word, cut to so many rows.
	limit func(selection string, rows int) string
	// cell makes a value that the driver hands out raw one that cellText
	// knows; nil where there are none.
	cell func(value any, kind string) any
	// explain makes a *LegacyError of what the driver answered.
	explain func(doing string, err error) *LegacyError
}

// keyProbe is a column whose use as a key is asked for.
type keyProbe struct {
	column string // quoted, of the derived table q
	kind   string // the driver's name of the column's type
	scale  int    // its decimals, where it is a number that has some
	derive string // FROM clause of the derived table q
	values []any
}

// keyColumn is how a key is ordered, compared and shown.
type keyColumn struct {
	order   string // expression that rows are ordered by and compared with: without blanks at its end
	text    string // expression that gives the key as text, with them; without them it is the cursor
	cursor  func(placeholder string) string
	numeric bool // a cursor must be a number
}

// dialects by the scheme of the URL.
var dialects = map[string]*dialect{
	"postgres":   &postgres,
	"postgresql": &postgres,
	"sqlite":     &sqlite,
	"mysql":      &mysqlDialect,
	"mariadb":    &mysqlDialect,
	"sqlserver":  &sqlServer,
	"oracle":     &oracle,
}

// dialectOf finds the dialect of a URL. Its errors name the scheme and nothing
// else: the rest may hold a password.
func dialectOf(url string) (*dialect, error) {
	scheme, _, found := strings.Cut(url, ":")
	scheme = strings.ToLower(scheme)
	d, known := dialects[scheme]
	switch {
	case !found:
		return nil, fmt.Errorf("legacy database: the URL has no scheme (%s)", availableSchemes())
	case !known:
		return nil, fmt.Errorf("legacy database: %q is not a known kind of database (%s)", scheme, availableSchemes())
	}
	return d, nil
}

func availableSchemes() string {
	var names []string
	for name := range dialects {
		names = append(names, name+":")
	}
	slices.Sort(names)
	return "available: " + strings.Join(names, " ")
}

// derived is a query as a derived table. The line breaks keep a comment at the
// query's end from swallowing the parenthesis.
func derived(query string) string { return "FROM (\n" + query + "\n) q" }

// readOnly begins a transaction that can only read.
var readOnly = &sql.TxOptions{ReadOnly: true}

// limitBehind cuts a result as most databases do it.
func limitBehind(selection string, rows int) string {
	return "SELECT " + selection + " LIMIT " + strconv.Itoa(rows)
}
