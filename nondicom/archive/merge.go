package archive

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// querier is a transaction, or the pool.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// columnTypes gives the types of a table's columns: of domains what they are of, and
// all without lengths. A cast to varchar(16), or to a domain of it, cuts a longer value
// short in silence; the column refuses it.
const columnTypes = `WITH RECURSIVE col(name, kind) AS (
		SELECT attname, atttypid FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped
		UNION ALL SELECT name, typbasetype FROM col JOIN pg_type ON oid = kind AND typtype = 'd')
	SELECT name, format_type(kind, -1) FROM col JOIN pg_type ON oid = kind AND typtype <> 'd'`

// learn asks the database for the types of a table's columns, and refuses a
// table that lacks a column.
func (m *mapped) learn(ctx context.Context, db querier) error {
	rows, err := db.Query(ctx, columnTypes, m.name.Sanitize())
	if err != nil {
		return err
	}
	types := map[string]string{}
	var column, kind string
	if _, err := pgx.ForEachRow(rows, []any{&column, &kind}, func() error { types[column] = kind; return nil }); err != nil {
		return err
	}
	needed := append([]string{}, m.columns...)
	if m.own != "" {
		needed = append(needed, m.own)
	}
	for _, column := range needed {
		if types[column] == "" {
			return fmt.Errorf("table %s has no column %s", m.name.Sanitize(), column)
		}
	}
	if m.own != "" && m.parent.types[m.theirs] == "" {
		return fmt.Errorf("table %s has no column %s", m.parent.name.Sanitize(), m.theirs)
	}
	m.types = types
	return nil
}

// write brings rows into the table: by COPY into one of the transaction's own,
// and from there into it, so that rows whose keys are there are updated.
func (m *mapped) write(ctx context.Context, tx pgx.Tx, rows []map[string]string) error {
	if len(rows) == 0 {
		return nil
	}
	values, columns := m.staged(rows)
	stage := pgx.Identifier{"pacsbridge_stage_" + string(m.of)}
	create := fmt.Sprintf("CREATE TEMPORARY TABLE %s (%s text) ON COMMIT DROP", stage.Sanitize(), strings.Join(columns, " text, "))
	if _, err := tx.Exec(ctx, create); err != nil {
		return fmt.Errorf("prepare a table for rows of %s: %w", m.name.Sanitize(), err)
	}
	if _, err := tx.CopyFrom(ctx, stage, columns, pgx.CopyFromRows(values)); err != nil {
		return fmt.Errorf("copy %d rows for %s: %w", len(values), m.name.Sanitize(), err)
	}
	done, err := tx.Exec(ctx, m.merge(stage.Sanitize()))
	if err != nil {
		return fmt.Errorf("merge %d rows into %s: %w", len(values), m.name.Sanitize(), err)
	}
	if n := done.RowsAffected(); n != int64(len(values)) && len(m.columns) > len(m.key) {
		return fmt.Errorf("merge rows into %s: %d of %d arrived; the others have no parent", m.name.Sanitize(), n, len(values))
	}
	return nil
}

// staged are the values of the rows in the order of the stage's columns: c0 and
// on for the table's own, p0 and on for the parent's key.
func (m *mapped) staged(rows []map[string]string) (values [][]any, columns []string) {
	names := append([]string{}, m.values...)
	for i := range m.values {
		columns = append(columns, fmt.Sprint("c", i))
	}
	if m.own != "" {
		for i, column := range m.parent.key {
			names = append(names, m.parent.valueOf(column))
			columns = append(columns, fmt.Sprint("p", i))
		}
	}
	for _, row := range rows {
		line := make([]any, len(names))
		for i, name := range names {
			line[i] = value(row, name)
		}
		values = append(values, line)
	}
	return values, columns
}

// merge is the statement that takes the rows over from the stage.
func (m *mapped) merge(stage string) string {
	var columns, values, updates []string
	for i, column := range m.columns {
		quoted := pgx.Identifier{column}.Sanitize()
		columns = append(columns, quoted)
		values = append(values, fmt.Sprintf("x.c%d::%s", i, m.types[column]))
		updates = append(updates, quoted+" = EXCLUDED."+quoted)
	}
	from := stage + " AS x"
	if m.own != "" {
		var same []string
		for i, column := range m.parent.key {
			same = append(same, fmt.Sprintf("p.%s = x.p%d::%s", pgx.Identifier{column}.Sanitize(), i, m.parent.types[column]))
		}
		own := pgx.Identifier{m.own}.Sanitize()
		columns, values, updates = append(columns, own), append(values, "p."+pgx.Identifier{m.theirs}.Sanitize()), append(updates, own+" = EXCLUDED."+own)
		from += " JOIN " + m.parent.name.Sanitize() + " AS p ON " + strings.Join(same, " AND ")
	}
	var key []string
	for _, column := range m.key {
		key = append(key, pgx.Identifier{column}.Sanitize())
	}
	return fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM %s ON CONFLICT (%s) DO UPDATE SET %s", m.name.Sanitize(),
		strings.Join(columns, ", "), strings.Join(values, ", "), from, strings.Join(key, ", "), strings.Join(updates, ", "))
}

// missing returns which of the rows the table does not have, by their place.
func (m *mapped) missing(ctx context.Context, db querier, rows []map[string]string) (missing []int, err error) {
	for i, row := range rows {
		var conditions []string
		for n, column := range m.key {
			conditions = append(conditions, fmt.Sprintf("%s = $%d::text::%s", pgx.Identifier{column}.Sanitize(), n+1, m.types[column]))
		}
		found, err := db.Query(ctx, "SELECT 1 FROM "+m.name.Sanitize()+" WHERE "+strings.Join(conditions, " AND "), m.keyValues(row)...)
		if err != nil {
			return nil, err
		}
		there := found.Next()
		found.Close()
		if err := found.Err(); err != nil {
			return nil, err
		}
		if !there {
			missing = append(missing, i)
		}
	}
	return missing, nil
}

// refers reports whether a row of the table says that a file is its own.
func (m *mapped) refers(ctx context.Context, db querier, f file) (bool, error) {
	column := m.reference()
	text := f.name
	if m.valueOf(column) == "sha256" {
		text = f.digest
	}
	rows, err := db.Query(ctx, fmt.Sprintf("SELECT 1 FROM %s WHERE %s = $1::text::%s LIMIT 1", m.name.Sanitize(), pgx.Identifier{column}.Sanitize(), m.types[column]), text)
	if err != nil {
		return false, err
	}
	defer rows.Close()
	return rows.Next(), rows.Err()
}
