package nondicom

import (
	"context"
	"database/sql"
	"slices"
	"strconv"
	"strings"
	"time"
)

const doingRecords = "legacy.records"

// keyAlias is the column that the paged query puts behind the query's own.
const keyAlias = "pacsbridge_key"

// Records returns the records with from <= date < to whose key follows after,
// in the order of their keys, at most limit of them (zero: the batch of the
// options). An empty after begins; an empty result ends. The next call's after
// is the StudyKey of the last record.
func (l *Legacy) Records(ctx context.Context, from, to time.Time, after string, limit int) ([]Record, error) {
	if limit <= 0 {
		limit = l.batch
	}
	var records []Record
	err := l.reading(ctx, doingRecords, func(ctx context.Context, tx *sql.Tx) (err error) {
		window := l.window(from, to)
		key, err := l.recordKey(ctx, tx, window)
		if err != nil {
			return err
		}
		records, err = l.page(ctx, tx, window, key, after, limit)
		return err
	})
	return records, err
}

// window is the records query of a date range, and its values.
type window struct {
	query  string
	values []any
}

func (l *Legacy) window(from, to time.Time) window {
	days := map[string]string{"from": from.Format(time.DateOnly), "to": to.Format(time.DateOnly)}
	var w window
	w.query = l.records.render(func(name string, n int) string {
		w.values = append(w.values, days[name])
		return l.dialect.date(l.dialect.placeholder(n))
	})
	return w
}

// recordKey finds out, once, how the query's study_key is ordered, and checks
// the query's columns on the way.
func (l *Legacy) recordKey(ctx context.Context, tx *sql.Tx, w window) (keyColumn, error) {
	l.keyLock.Lock()
	defer l.keyLock.Unlock()
	if l.key != nil {
		return *l.key, nil
	}
	rows, err := tx.QueryContext(ctx, l.dialect.limit("q.* "+derived(w.query), 0), w.values...)
	if err != nil {
		return keyColumn{}, err
	}
	columns, err := rows.ColumnTypes()
	if err = closeRows(rows, err); err != nil {
		return keyColumn{}, err
	}
	layout, err := newLayout(doingRecords, columns, recordColumnNames(), "study_key")
	if err != nil {
		return keyColumn{}, err
	}
	column := columns[layout.at["study_key"]]
	key, err := l.dialect.key(ctx, tx, keyProbe{
		column: "q." + l.dialect.quote(column.Name()),
		kind:   column.DatabaseTypeName(),
		scale:  scaleOf(column),
		derive: derived(w.query),
		values: w.values,
	})
	if err == nil {
		l.key = &key
	}
	return key, err
}

// page reads one page. It asks for one row more than it returns, so that a key
// that stands twice is noticed even across the page's end.
func (l *Legacy) page(ctx context.Context, tx *sql.Tx, w window, key keyColumn, after string, limit int) ([]Record, error) {
	var query strings.Builder
	query.WriteString("q.*, " + key.text + " AS " + keyAlias + " " + derived(w.query))
	values := slices.Clone(w.values)
	nulls := l.dialect.nullsFirst
	if after != "" {
		if key.numeric && !isNumber(after) {
			return nil, &LegacyError{Doing: doingRecords, Text: "the cursor is not a number, but study_key is: has the query changed since the last run?"}
		}
		values = append(values, after)
		query.WriteString(" WHERE " + key.order + " > " + key.cursor(l.dialect.placeholder(len(values))))
		nulls = ""
	}
	query.WriteString(" ORDER BY " + key.order + nulls)
	rows, err := tx.QueryContext(ctx, l.dialect.limit(query.String(), limit+1), values...)
	if err != nil {
		return nil, err
	}
	records, err := l.scanRecords(rows, after, limit)
	return records, closeRows(rows, err)
}

// scanRecords reads at most limit records and looks at the key of one more. None of them
// may have the key of the one before the page: the pages would have no end.
func (l *Legacy) scanRecords(rows *sql.Rows, last string, limit int) ([]Record, error) {
	columns, err := rows.ColumnTypes()
	if err != nil {
		return nil, err
	}
	layout, err := newLayout(doingRecords, columns[:len(columns)-1], recordColumnNames(), "study_key")
	if err != nil {
		return nil, err
	}
	var records []Record
	for rows.Next() {
		row, err := l.cells.row(rows, columns)
		if err != nil {
			return nil, err
		}
		padded := row.text(len(columns) - 1)
		key := trimBlanks(padded)
		switch {
		case key == "":
			return nil, &LegacyError{Doing: doingRecords, Text: "a row has no study_key"}
		case key == last:
			return nil, &LegacyError{Doing: doingRecords, Text: "study_key is not unique: two rows have the same one, or one comes again on the next page"}
		}
		last = key
		if len(records) < limit {
			record := recordOf(layout, row, key)
			if padded != key {
				record.PaddedKey = padded
			}
			records = append(records, record)
		}
	}
	return records, rows.Err()
}

// scaleOf is how many decimals a column of numbers has.
func scaleOf(column *sql.ColumnType) int {
	_, scale, _ := column.DecimalSize()
	return int(min(max(scale, 0), 38))
}

// isNumber tells whether a database would read the text as a plain number.
func isNumber(text string) bool {
	_, err := strconv.ParseFloat(text, 64)
	return err == nil && strings.Trim(text, "+-.0123456789") == ""
}

// closeRows closes the rows and returns the first error of all.
func closeRows(rows *sql.Rows, err error) error {
	if closing := rows.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = rows.Err()
	}
	return err
}
