package staging

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// query collects conditions and their arguments.
type query struct {
	engine *engine
	where  []string
	args   []any
}

// arg adds an argument and returns its placeholder.
func (q *query) arg(value any) string {
	q.args = append(q.args, value)
	return "$" + strconv.Itoa(len(q.args))
}

func (q *query) and(condition string) { q.where = append(q.where, condition) }

// conditions returns everything collected as one condition.
func (q *query) conditions() string {
	if len(q.where) == 0 {
		return "1 = 1"
	}
	return strings.Join(q.where, " AND ")
}

// list adds a list as one argument: as JSON, because no engine's own array
// type is known to the others.
func (q *query) list(values []string) string {
	text, _ := json.Marshal(values) // a []string always encodes
	return q.arg(string(text))
}

// numbers is list for numbers.
func (q *query) numbers(values []int64) string {
	text, _ := json.Marshal(values) // a []int64 always encodes
	return q.arg(string(text))
}

// each runs a query on the reading connections and calls visit for every row. A
// database that went away is waited for until the first row has come.
func (db *DB) each(ctx context.Context, query string, args []any, visit func(scanner) error) error {
	begun := false
	var failure error
	err := db.again(ctx, func() error {
		err := eachRow(ctx, db.read, query, args, func(row scanner) error {
			begun = true
			return visit(row)
		})
		if begun { // nobody can take back what was visited
			failure = err
			return nil
		}
		return err
	})
	return cmp.Or(failure, err)
}

type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// errEnough is what a visit returns to end the reading early, without an error.
var errEnough = errors.New("enough")

func eachRow(ctx context.Context, q querier, query string, args []any, visit func(scanner) error) error {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		err := visit(rows)
		if errors.Is(err, errEnough) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read rows: %w", err)
	}
	return nil
}
