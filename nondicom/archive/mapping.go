package archive

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Level is a level of the hierarchy that a study is.
type Level string

// The levels, from the top. A record and an attachment belong to an object.
const (
	StudyLevel      Level = "study"
	SeriesLevel     Level = "series"
	ObjectLevel     Level = "object"
	RecordLevel     Level = "record"
	AttachmentLevel Level = "attachment"
)

// levels are in the order in which rows are written.
var levels = []Level{StudyLevel, SeriesLevel, ObjectLevel, RecordLevel, AttachmentLevel}

// above is the level that a level's rows belong to.
var above = map[Level]Level{SeriesLevel: StudyLevel, ObjectLevel: SeriesLevel, RecordLevel: ObjectLevel, AttachmentLevel: ObjectLevel}

// Table maps a level to a table of the new system's database.
type Table struct {
	Of    Level
	Table string // "name" or "schema.name"
	// Key names the columns that tell its rows apart; the table has a unique
	// index of them. A row whose key is there is updated.
	Key []string
	// Columns say what goes where, each "column = value". A value is the name of
	// one (see values.go), field:NAME for a further column of the record, or a
	// text in single quotes.
	Columns []string
	// Parent, "column = column of the parent", takes a column of the row above:
	// its number, say. Empty: the rows are tied by what Columns write.
	Parent string
}

// mapped is a table that was read.
type mapped struct {
	of      Level
	name    pgx.Identifier
	key     []string
	columns []string // of the database
	values  []string // for each column
	own     string   // the column that takes a column of the parent; empty: none
	theirs  string   // which that is
	parent  *mapped
	types   map[string]string // of the table's columns; set when the database has been asked
}

// readTables reads a mapping and names all that is wrong with it.
func readTables(tables []Table) ([]*mapped, error) {
	byLevel := map[Level]*mapped{}
	var faults []error
	for _, table := range tables {
		m, err := readTable(table)
		if err == nil && byLevel[table.Of] != nil {
			err = errors.New("there are two of it")
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("table of %s: %w", table.Of, err))
			continue
		}
		byLevel[table.Of] = m
	}
	var all []*mapped
	for _, level := range levels {
		m := byLevel[level]
		if m == nil {
			continue
		}
		if m.parent = byLevel[above[level]]; m.own != "" && m.parent == nil {
			faults = append(faults, fmt.Errorf("table of %s: no table of %s is named that its parent could stand in", level, above[level]))
		} else if m.own != "" && !m.knowsParent() {
			faults = append(faults, fmt.Errorf("table of %s: it cannot find its parent, whose key must take study_uid, series_uid or object_uid alone", level))
		}
		all = append(all, m)
	}
	if m := byLevel[AttachmentLevel]; m != nil {
		if m.reference() == "" {
			faults = append(faults, errors.New("table of attachment: a column must take stored_name or sha256, so that the file of a row is known"))
		}
		for _, column := range m.key {
			if value := m.valueOf(column); slices.Contains(ofTheFile, value) {
				faults = append(faults, fmt.Errorf("table of attachment: its key cannot take %s, which only the file itself tells: its rows could never be proven", value))
			}
		}
	}
	return all, errors.Join(faults...)
}

func readTable(table Table) (*mapped, error) {
	m := &mapped{of: table.Of, name: strings.Split(table.Table, "."), key: table.Key}
	switch {
	case !slices.Contains(levels, table.Of):
		return nil, errors.New("it is none of study, series, object, record, attachment")
	case table.Table == "" || len(m.name) > 2:
		return nil, errors.New(`its name is "table" or "schema.table"`)
	case len(table.Key) == 0:
		return nil, errors.New("key must name the columns that tell its rows apart")
	}
	for _, line := range table.Columns {
		column, value, err := assignment(line)
		if err == nil && !isValue(table.Of, value) {
			err = fmt.Errorf("%q is no value of a %s", value, table.Of)
		}
		if err != nil {
			return nil, err
		}
		m.columns, m.values = append(m.columns, column), append(m.values, value)
	}
	if table.Parent != "" {
		var err error
		if m.own, m.theirs, err = assignment(table.Parent); err != nil {
			return nil, err
		}
	}
	for _, column := range m.key {
		if !slices.Contains(m.columns, column) {
			return nil, fmt.Errorf("the key's column %s gets no value", column)
		}
	}
	return m, nil
}

// ofTheFile are the values of an attachment that are known while its file is at hand,
// and not to those who look for its row later.
var ofTheFile = []string{"media_type", "stored_name", "stored_bytes"}

// assignment reads "column = value".
func assignment(line string) (column, value string, err error) {
	column, value, found := strings.Cut(line, "=")
	column, value = strings.TrimSpace(column), strings.TrimSpace(value)
	if !found || column == "" || value == "" {
		return "", "", fmt.Errorf(`%q is not "column = value"`, line)
	}
	return column, value, nil
}

// knowsParent reports whether a row has the values of its parent's key.
func (m *mapped) knowsParent() bool {
	for _, column := range m.parent.key {
		if !isValue(m.of, m.parent.valueOf(column)) {
			return false
		}
	}
	return true
}

// valueOf is the name of the value that a column takes.
func (m *mapped) valueOf(column string) string {
	return m.values[slices.Index(m.columns, column)]
}

// reference is the column of attachments that tells which file is theirs.
func (m *mapped) reference() string {
	for _, value := range []string{"stored_name", "sha256"} {
		if i := slices.Index(m.values, value); i >= 0 {
			return m.columns[i]
		}
	}
	return ""
}

// keyValues are the values of the key's columns.
func (m *mapped) keyValues(row map[string]string) []any {
	values := make([]any, len(m.key))
	for i, column := range m.key {
		values[i] = value(row, m.valueOf(column))
	}
	return values
}
