package conf

import (
	"fmt"
	"log/slog"
	"reflect"
	"strings"
)

// String lists every setting with its value, one a line, secrets redacted.
func (s Settings) String() string {
	var b strings.Builder
	show(&b, reflect.ValueOf(s), "")
	return b.String()
}

// LogValue keeps secrets out of the log.
func (s Settings) LogValue() slog.Value { return slog.StringValue(s.String()) }

func show(b *strings.Builder, v reflect.Value, prefix string) {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		name, option, _ := strings.Cut(field.Tag.Get("mapstructure"), ",")
		switch {
		case option == "squash":
			show(b, v.Field(i), prefix)
		case field.Type.Kind() == reflect.Struct:
			show(b, v.Field(i), prefix+name+".")
		default:
			fmt.Fprintf(b, "%s%s: %+v\n", prefix, name, v.Field(i).Interface())
		}
	}
}
