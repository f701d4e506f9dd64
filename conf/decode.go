package conf

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/go-viper/mapstructure/v2"
	"github.com/spf13/viper"
)

// decode fills the settings from viper, and names unknown keys and values of
// the wrong kind. It is viper's UnmarshalExact, but with the unknown keys by
// their whole names instead of in a sentence, and all of them: mapstructure forgets
// those of a section in which a value is of the wrong kind.
func decode(v *viper.Viper, s *Settings, faults *faultList) {
	var met mapstructure.Metadata
	err := v.Unmarshal(s, func(c *mapstructure.DecoderConfig) {
		c.Metadata = &met
		c.DecodeHook = mapstructure.ComposeDecodeHookFunc(refuseLooseTypes, readDuration, readText)
	})
	unknown := append(met.Unused, unknownKeys(v.AllKeys())...)
	slices.Sort(unknown)
	for _, name := range slices.Compact(unknown) {
		hint := "the settings are listed in the file that pacsbridge init writes"
		if meant := nearest(name); meant != "" {
			hint = "did you mean " + meant + "?"
		}
		faults.add(name, "is not a known setting", hint)
	}
	addDecodeFaults(err, faults)
}

// addDecodeFaults takes the tree of mapstructure's errors apart: the innermost
// one that carries a name says which value it was.
func addDecodeFaults(err error, faults *faultList) {
	if err == nil {
		return
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			addDecodeFaults(e, faults)
		}
		return
	}
	named, ok := err.(*mapstructure.DecodeError)
	if !ok {
		if inner := errors.Unwrap(err); inner != nil {
			addDecodeFaults(inner, faults)
			return
		}
		faults.add("", err.Error(), "")
		return
	}
	var inner *mapstructure.DecodeError
	if errors.As(named.Unwrap(), &inner) {
		addDecodeFaults(named.Unwrap(), faults)
		return
	}
	problem, hint := describe(named.Unwrap())
	faults.add(named.Name(), problem, hint)
}

// kindError is a value of the wrong kind.
type kindError struct{ problem, hint string }

func (e *kindError) Error() string { return e.problem }

// describe says in an operator's words what mapstructure says in a
// programmer's.
func describe(err error) (problem, hint string) {
	var kind *kindError
	var parse *mapstructure.ParseError
	var unfit *mapstructure.UnconvertibleTypeError
	switch {
	case errors.As(err, &kind):
		return kind.problem, kind.hint
	case errors.As(err, &parse):
		return "is not " + kindName(parse.Expected.Type()), ""
	case errors.As(err, &unfit):
		return "is not " + kindName(unfit.Expected.Type()), ""
	case strings.Contains(err.Error(), "expected a map"):
		return "is a section, not a value", "its settings stand below it, indented"
	}
	problem, hint, _ = strings.Cut(err.Error(), "; ")
	return problem, hint
}

func kindName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.Slice:
		return "a list"
	case reflect.String:
		return "a text"
	}
	return "a value of the right kind"
}

// refuseLooseTypes refuses what would be bent into shape without a word: an
// AE title 0123 that YAML reads as the number 83, half a worker, a duration
// without a unit.
func refuseLooseTypes(from, to reflect.Type, data any) (any, error) {
	number := from.Kind() == reflect.Int || from.Kind() == reflect.Float64
	switch {
	case number && to.Kind() == reflect.String:
		return nil, &kindError{"is a number where a text is meant", "put it in quotes"}
	case number && to == reflect.TypeFor[time.Duration]():
		return nil, &kindError{"has no unit", "write it like 30s, 15m or 24h"}
	case from.Kind() == reflect.Float64 && to.Kind() != reflect.Interface:
		return nil, &kindError{fmt.Sprintf("%v is not a whole number", data), ""}
	case from.Kind() == reflect.Bool && to.Kind() != reflect.Interface:
		return nil, &kindError{"is true or false where another value is meant", "put it in quotes if it is a text"}
	}
	return data, nil
}

// readDuration reads Go's durations ("90m", "24h") and whole days ("7d").
func readDuration(from, to reflect.Type, data any) (any, error) {
	if from.Kind() != reflect.String || to != reflect.TypeFor[time.Duration]() {
		return data, nil
	}
	text := reflect.ValueOf(data).String()
	if days, found := strings.CutSuffix(text, "d"); found {
		if d, err := time.ParseDuration(days + "h"); err == nil {
			return 24 * d, nil
		}
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return nil, &kindError{fmt.Sprintf("%q is not a duration", text), "write it like 30s, 15m or 24h"}
	}
	return d, nil
}

// readText lets the typed values of this package read themselves.
var readText = mapstructure.TextUnmarshallerHookFunc()
