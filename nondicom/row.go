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

// cells read the values of a database as text.
type cells struct {
	zone    *time.Location
	charset *charset // nil: the database knows its own
	raw     func(value any, kind string) any
	padded  bool // blanks at the end stay
}

// row reads the current row.
func (c cells) row(rows *sql.Rows, columns []*sql.ColumnType) (row, error) {
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
		kind := strings.ToUpper(columns[i].DatabaseTypeName())
		if c.raw != nil {
			value = c.raw(value, kind)
		}
		reading := c
		if strings.EqualFold(columns[i].Name(), keyAlias) {
			reading.charset, reading.padded = nil, true // the key goes back as it came
		}
		r[i] = reading.text(value, kind)
	}
	return r, nil
}

// text is a value as text: NULL is empty, trailing blanks are cut off, dates
// and times are ISO 8601, bytes that are no text are hexadecimal.
func (c cells) text(value any, kind string) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return stampText(c.trim(c.charset.decode(v)), kind)
	case []byte:
		if text, ok := c.bytes(string(v), kind); ok {
			return stampText(c.trim(text), kind)
		}
		return hex.EncodeToString(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case float32:
		return strconv.FormatFloat(float64(v), 'f', -1, 32)
	case bool:
		return strconv.FormatBool(v)
	case time.Time:
		return timeText(v, kind, c.zone)
	}
	return c.trim(fmt.Sprint(value))
}

// bytes reads bytes as text, false when they are none. Old systems keep
// reports in columns for binary data too: there, control characters tell that
// it is something else.
func (c cells) bytes(raw, kind string) (string, bool) {
	text := raw
	if !utf8.ValidString(raw) || c.charset != nil && !isBinary(kind) {
		text = c.charset.decode(raw)
	}
	return text, utf8.ValidString(text) && !(isBinary(kind) && hasControls(text))
}

// isBinary tells from a column's type whether it is meant for text.
func isBinary(kind string) bool {
	for _, binary := range []string{"BLOB", "BINARY", "BYTEA", "RAW", "IMAGE", "BIT"} {
		if strings.Contains(kind, binary) {
			return true
		}
	}
	return false
}

func hasControls(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool {
		return r < ' ' && r != '\t' && r != '\n' && r != '\f' && r != '\r' || r == 0x7F
	})
}

// stampText writes a point in time that the driver hands out as text as
// timeText writes it. A zero date is none.
func stampText(text, kind string) string {
	isDay := kind == "DATE"
	if !isDay && kind != "DATETIME" && kind != "TIMESTAMP" {
		return text
	}
	if strings.Trim(text, "0-:. ") == "" {
		return ""
	}
	if isDay || len(text) < len(time.DateTime) || text[len(time.DateOnly)] != ' ' {
		return text
	}
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text[:len(time.DateOnly)] + "T" + text[len(time.DateOnly)+1:]
}

// timeText writes a point in time as its column means it: a day, a day and
// time, or a day and time in a zone.
func timeText(t time.Time, kind string, zone *time.Location) string {
	const (
		clock      = "15:04:05.999999999"
		dayAndTime = "2006-01-02T" + clock
	)
	midnight := t.Hour() == 0 && t.Minute() == 0 && t.Second() == 0 && t.Nanosecond() == 0
	_, offset := t.Zone()
	switch {
	case kind == "DATE" && midnight:
		return t.Format(time.DateOnly)
	case kind == "TIME":
		return t.Format(clock)
	case kind == "TIMESTAMPTZ":
		return t.In(zone).Format(dayAndTime + "Z07:00")
	case offset != 0 || kind == "DATETIMEOFFSET":
		return t.Format(dayAndTime + "Z07:00")
	}
	return t.Format(dayAndTime)
}

// trim cuts the padding off, except where it stays.
func (c cells) trim(text string) string {
	if c.padded {
		return text
	}
	return trimBlanks(text)
}

// trimBlanks cuts the padding of fixed-width columns off.
func trimBlanks(text string) string { return strings.TrimRight(text, " \x00") }
