package bridge

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"unicode/utf8"

	"pacsbridge/dimse/dataset"
)

// RuleTable is what values become: a CSV file of two columns, old and new, without a head.
type RuleTable struct {
	Name    string // of the file
	entries map[string]string
}

// ReadRuleTable reads a table. An old value that stands there twice with different new ones
// is a fault, and so is a line of other than two columns.
func ReadRuleTable(path string) (*RuleTable, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the table: %w", err)
	}
	defer file.Close()
	t := &RuleTable{Name: filepath.Base(path), entries: map[string]string{}}
	lines := csv.NewReader(file)
	lines.FieldsPerRecord = 2
	lines.TrimLeadingSpace = true
	for {
		record, err := lines.Read()
		if errors.Is(err, io.EOF) {
			return t, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read the table %s: %w", path, err)
		}
		if err := t.add(record[0], record[1]); err != nil {
			line, _ := lines.FieldPos(0)
			return nil, fmt.Errorf("read the table %s: line %d: %w", path, line, err)
		}
	}
}

func (t *RuleTable) add(old, other string) error {
	old, other = strings.TrimSpace(strings.TrimPrefix(old, "\ufeff")), strings.TrimSpace(other)
	if known, twice := t.entries[old]; twice && known != other {
		return errors.New("the old value of this line stood there before with another new one")
	}
	if old == "" {
		return errors.New("there is no old value")
	}
	t.entries[old] = other
	return nil
}

// Check finds values that the attribute of a rule can never hold.
func (r Rule) Check() error {
	values := []string{}
	switch r.Action {
	case Set:
		values = append(values, r.Value)
	case Map:
		for _, value := range r.Table.entries {
			values = append(values, value)
		}
	}
	for _, value := range values {
		if err := fitting(dataset.DictionaryVR(r.Attribute), value); err != nil {
			return &RuleError{Attribute: tagName(r.Attribute), Why: err.Error()}
		}
	}
	return nil
}

// mostCharacters is how long values may be (PS3.5 table 6.2-1); of a name, each of its
// component groups.
var mostCharacters = map[dataset.VR]int{"AE": 16, "AS": 4, "CS": 16, "DA": 8, "LO": 64, "LT": 10240, "PN": 64, "SH": 16, "ST": 1024, "TM": 14,
	"UC": 10240, "UT": 10240} // the last two are bounded here: values are recorded in the ledger

// shapes are what values of some representations look like.
var shapes = map[dataset.VR]*regexp.Regexp{
	"AS": regexp.MustCompile(`^(\d{3}[DWMY])?$`),
	"CS": regexp.MustCompile(`^[A-Z0-9 _]*$`),
	"DA": regexp.MustCompile(`^(\d{8})?$`),
	"TM": regexp.MustCompile(`^(\d\d(\d\d(\d\d(\.\d{1,6})?)?)?)?$`),
}

// fitting refuses what no single value of a representation can be. It never says the value.
func fitting(vr dataset.VR, value string) error {
	shape := shapes[vr]
	switch {
	case !utf8.ValidString(value):
		return errors.New("its new value is not text")
	case tooLong(vr, value):
		return fmt.Errorf("its new value is longer than %s allows (%d characters)", vr, mostCharacters[vr])
	case shape != nil && !shape.MatchString(value):
		return fmt.Errorf("its new value does not look like %s", vr)
	case strings.ContainsFunc(value, func(c rune) bool { return c < ' ' && !(longText(vr) && strings.ContainsRune("\r\n\t\f", c)) }):
		return errors.New("its new value holds control characters")
	case strings.Contains(value, `\`) && !longText(vr):
		return errors.New("its new value holds a backslash, which parts values")
	}
	return nil
}

func tooLong(vr dataset.VR, value string) bool {
	groups := []string{value}
	if vr == dataset.PN {
		groups = strings.Split(value, "=")
	}
	for _, group := range groups {
		if utf8.RuneCountInString(group) > mostCharacters[vr] {
			return true
		}
	}
	return false
}

// longText are the representations in which a backslash is a character.
func longText(vr dataset.VR) bool { return vr == "LT" || vr == "ST" || vr == "UT" }

// inCharacterSet are the representations that SpecificCharacterSet is for (PS3.5 §6.1.2.2).
func inCharacterSet(vr dataset.VR) bool {
	return longText(vr) || vr == "LO" || vr == "PN" || vr == "SH" || vr == "UC"
}
