package nondicom

import (
	"database/sql"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// row is one row of a result, as text.
type row []string

func (r row) text(i int) string { return r[i] }

// scanRow reads the current row.
func scanRow(rows *sql.Rows, columns []*sql.ColumnType, zone *time.Location) (row, error) {
	values := make([]any, len(columns))
	targets := make([]any, len(columns))
	for i := range values {
		targets[i] = &values[i]
	}
	if err := rows.Scan(targets...); err != nil {
		return nil, err
	}
	r := make(row, len(columns))
	for i, value := range values {
		r[i] = cellText(value, columns[i].DatabaseTypeName(), zone)
	}
	return r, nil
}

// cellText is a value as text: NULL is empty, trailing blanks are cut off,
// dates and times are ISO 8601, bytes that are no text are hexadecimal.
func cellText(value any, kind string, zone *time.Location) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return trimBlanks(v)
	case []byte:
		if kind == "BYTEA" || !utf8.Valid(v) {
			return hex.EncodeToString(v)
		}
		return trimBlanks(string(v))
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	case time.Time:
		return timeText(v, strings.ToUpper(kind), zone)
	}
	return trimBlanks(fmt.Sprint(value))
}

// timeText writes a point in time as its column means it: a day, a day and
// time, or a day and time in a zone.
func timeText(t time.Time, kind string, zone *time.Location) string {
	const dayAndTime = "2006-01-02T15:04:05.999999999"
	midnight := t.Hour() == 0 && t.Minute() == 0 && t.Second() == 0 && t.Nanosecond() == 0
	_, offset := t.Zone()
	switch {
	case kind == "DATE" && midnight:
		return t.Format(time.DateOnly)
	case kind == "TIMESTAMPTZ":
		return t.In(zone).Format(dayAndTime + "Z07:00")
	case offset != 0:
		return t.Format(dayAndTime + "Z07:00")
	}
	return t.Format(dayAndTime)
}

// trimBlanks cuts the padding of fixed-width columns off.
func trimBlanks(text string) string { return strings.TrimRight(text, " \x00") }
