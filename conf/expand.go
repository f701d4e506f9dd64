package conf

import (
	"fmt"
	"regexp"

	"github.com/spf13/viper"
)

// reference is ${NAME}; $${NAME} stands for the text ${NAME} itself.
var reference = regexp.MustCompile(`\$?\$\{([A-Za-z_][A-Za-z0-9_]*)\}`)

// expandValues puts the environment in place of the references of every value
// that came from the file. What came from the environment is taken as it is.
func expandValues(v *viper.Viper, env Lookup, skip map[string]bool, faults *faultList) {
	for _, name := range v.AllKeys() {
		if skip[name] {
			continue
		}
		e := expander{env: env, faults: faults}
		if value := e.value(name, v.Get(name)); e.changed {
			v.Set(name, value)
		}
	}
}

type expander struct {
	env     Lookup
	faults  *faultList
	changed bool
}

func (e *expander) value(name string, value any) any {
	switch value := value.(type) {
	case string:
		return e.text(name, value)
	case []any:
		list := make([]any, len(value))
		for i, entry := range value {
			list[i] = e.value(fmt.Sprintf("%s[%d]", name, i), entry)
		}
		return list
	case map[string]any:
		fields := make(map[string]any, len(value))
		for field, entry := range value {
			fields[field] = e.value(name+"."+field, entry)
		}
		return fields
	}
	return value
}

func (e *expander) text(name, text string) string {
	return reference.ReplaceAllStringFunc(text, func(found string) string {
		e.changed = true
		if found[1] == '$' {
			return found[1:]
		}
		variable := found[2 : len(found)-1]
		value, set := e.env(variable)
		if !set {
			e.faults.add(name, "the variable "+variable+" is not set in the environment",
				"set it before the start: export "+variable+"=…")
		}
		return value
	})
}
