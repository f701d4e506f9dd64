package nondicom

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
)

// layout is where the columns of a query's result are found.
type layout struct {
	names []string       // as the query spells them
	at    map[string]int // those with a meaning of their own, by lower-case name
	extra []int          // the others, in order
}

// newLayout finds the known columns by name, whatever their case, and refuses
// a result that lacks a required one.
func newLayout(query string, columns []*sql.ColumnType, known []string, required ...string) (*layout, error) {
	l := &layout{at: map[string]int{}}
	for i, column := range columns {
		l.names = append(l.names, column.Name())
		name := strings.ToLower(column.Name())
		if !slices.Contains(known, name) {
			l.extra = append(l.extra, i)
			continue
		}
		if _, twice := l.at[name]; twice {
			return nil, &LegacyError{Doing: query, Text: fmt.Sprintf("column %s stands twice in the result", name)}
		}
		l.at[name] = i
	}
	for _, name := range required {
		if _, found := l.at[name]; !found {
			return nil, &LegacyError{Doing: query, Text: fmt.Sprintf("no column %s in the result (its columns: %s)", name, strings.Join(l.names, ", "))}
		}
	}
	return l, nil
}

// text is the value of a known column; empty when the query does not have it.
func (l *layout) text(r row, name string) string {
	i, found := l.at[name]
	if !found {
		return ""
	}
	return r.text(i)
}
