package staging

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"

	"modernc.org/sqlite"
)

// sqliteConnector opens connections that keep their statements prepared: the same few
// dozen run all the time, ours and River's, and SQLite takes longer to read most of
// them than to run them.
type sqliteConnector struct{ name string }

var _ driver.Connector = sqliteConnector{}

// Connect implements driver.Connector.
func (c sqliteConnector) Connect(context.Context) (driver.Conn, error) {
	conn, err := c.Driver().Open(c.name)
	if err != nil {
		return nil, err
	}
	whole, ok := conn.(sqliteConn)
	if !ok {
		return nil, errors.Join(fmt.Errorf("staging: a connection of %T lacks what is needed of one", conn), conn.Close())
	}
	return &preparing{sqliteConn: whole, idle: map[string][]driver.Stmt{}}, nil
}

// Driver implements driver.Connector.
func (c sqliteConnector) Driver() driver.Driver { return &sqlite.Driver{} }

// sqliteConn is what the driver's connections can do.
type sqliteConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// preparing is a connection that keeps the statements it has run, by their text. A
// statement whose rows are being read is not among the idle ones. Connections are
// used by one goroutine at a time.
type preparing struct {
	sqliteConn
	idle map[string][]driver.Stmt
	kept int
}

// statementsKept is how many prepared statements a connection keeps. When there are
// more, such as of texts that never come again, all are let go.
const statementsKept = 200

// ExecContext implements driver.ExecerContext.
func (p *preparing) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	statement, err := p.take(ctx, query)
	if err != nil {
		return nil, err
	}
	result, err := statement.(driver.StmtExecContext).ExecContext(ctx, args)
	return result, errors.Join(err, p.put(query, statement, err))
}

// QueryContext implements driver.QueryerContext.
func (p *preparing) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	statement, err := p.take(ctx, query)
	if err != nil {
		return nil, err
	}
	rows, err := statement.(driver.StmtQueryContext).QueryContext(ctx, args)
	if err != nil {
		return nil, errors.Join(err, statement.Close())
	}
	return &preparedRows{Rows: rows, done: func(err error) error { return p.put(query, statement, err) }}, nil
}

// Close implements driver.Conn.
func (p *preparing) Close() error { return errors.Join(p.forget(), p.sqliteConn.Close()) }

func (p *preparing) take(ctx context.Context, query string) (driver.Stmt, error) {
	if idle := p.idle[query]; len(idle) > 0 {
		last := len(idle) - 1
		p.idle[query] = idle[:last]
		p.kept--
		return idle[last], nil
	}
	return p.PrepareContext(ctx, boundLimits.Replace(query))
}

// boundLimits makes sums of the limits that are parameters: SQLite plans a statement
// anew in each run, for the value of such a limit, unless it is hidden in a sum.
var boundLimits = strings.NewReplacer("LIMIT ?", "LIMIT 0 + ?", "LIMIT $", "LIMIT 0 + $")

// put keeps a statement for its next run; one that failed is let go.
func (p *preparing) put(query string, statement driver.Stmt, failed error) error {
	if failed != nil {
		return statement.Close()
	}
	var err error
	if p.kept >= statementsKept {
		err = p.forget()
	}
	p.idle[query] = append(p.idle[query], statement)
	p.kept++
	return err
}

func (p *preparing) forget() error {
	var errs []error
	for _, statements := range p.idle {
		for _, s := range statements {
			errs = append(errs, s.Close())
		}
	}
	clear(p.idle)
	p.kept = 0
	return errors.Join(errs...)
}

// preparedRows gives their statement back when they are closed.
type preparedRows struct {
	driver.Rows
	done func(error) error
}

// Close implements driver.Rows.
func (r *preparedRows) Close() error {
	err := r.Rows.Close()
	if r.done == nil {
		return err
	}
	done := r.done
	r.done = nil
	return errors.Join(err, done(err))
}
