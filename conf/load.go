package conf

import (
	"errors"
	"io/fs"
	"os"
	"reflect"
	"strings"

	"github.com/spf13/viper"
)

// Lookup finds a variable of the environment; os.LookupEnv is the usual one.
type Lookup func(name string) (value string, found bool)

// Load reads the settings from the YAML file at path and from the
// environment, fills in what was left out, and checks the whole. The error of
// settings that will not do is a *FaultsError that names everything at once.
func Load(path string, env Lookup) (*Settings, error) {
	faults := &faultList{}
	v := viper.New()
	for name, value := range defaults {
		v.SetDefault(name, value)
	}
	if !readFile(v, path, faults) {
		return nil, faults.err(path)
	}
	overridden := applyEnvironment(v, env, faults)
	expandValues(v, env, overridden, faults)

	settings := &Settings{}
	decode(v, settings, faults)
	check(settings, faults)
	if err := faults.err(path); err != nil {
		return nil, err
	}
	settings.complete()
	return settings, nil
}

// readFile takes the file in; without one, or with one that is no YAML, there
// is nothing further to check.
func readFile(v *viper.Viper, path string, faults *faultList) bool {
	content, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		faults.add("", "there is no such file",
			"write one with: pacsbridge init, or name yours with --config")
		return false
	case err != nil:
		faults.add("", "cannot be read: "+reason(err), "the file must be readable by the user who runs pacsbridge")
		return false
	}
	v.SetConfigType("yaml")
	if err := v.ReadConfig(strings.NewReader(string(content))); err != nil {
		var syntax viper.ConfigParseError
		if errors.As(err, &syntax) {
			err = errors.Unwrap(syntax)
		}
		faults.add("", "is not YAML: "+strings.Join(strings.Fields(err.Error()), " "), "indent with spaces, and put values with special characters in quotes")
		return false
	}
	return true
}

// reason drops the path from an error of the file system.
func reason(err error) string {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		return pathError.Err.Error()
	}
	return err.Error()
}

// applyEnvironment lays PACSBRIDGE_* variables over the file, and returns the
// keys it set. A variable is asked for by the name of each key, since viper's
// AutomaticEnv does not see keys that nothing else has set.
func applyEnvironment(v *viper.Viper, env Lookup, faults *faultList) map[string]bool {
	set := make(map[string]bool)
	for _, k := range allKeys() {
		text, found := env(k.variable())
		if !found {
			continue
		}
		set[k.name] = true
		if k.kind.Kind() != reflect.Slice {
			v.Set(k.name, text)
			continue
		}
		list, err := parseList(text)
		if err != nil {
			faults.add(k.name, "the list in "+k.variable()+" cannot be read",
				`write it as A,B or as YAML: [{name: RAD, workers: 4}]`)
			continue
		}
		v.Set(k.name, list)
	}
	return set
}

// parseList reads a list out of one variable: YAML when it begins with a
// bracket, else words with commas between them.
func parseList(text string) ([]any, error) {
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "[") {
		v := viper.New()
		v.SetConfigType("yaml")
		if err := v.ReadConfig(strings.NewReader("list: " + text)); err != nil {
			return nil, err
		}
		list, ok := v.Get("list").([]any)
		if !ok {
			return nil, errors.New("not a list")
		}
		return list, nil
	}
	list := []any{}
	for word := range strings.SplitSeq(text, ",") {
		if word = strings.TrimSpace(word); word != "" {
			list = append(list, word)
		}
	}
	return list, nil
}

// complete fills in what follows from other settings.
func (s *Settings) complete() {
	if len(s.Node.Admit) == 0 {
		s.Node.Admit = []Admit{{AETitle: s.Old.AETitle}}
		if s.New.AETitle != s.Old.AETitle {
			s.Node.Admit = append(s.Node.Admit, Admit{AETitle: s.New.AETitle})
		}
	}
	for _, d := range s.Migration.Departments {
		if d.Name == EveryDepartment {
			return
		}
	}
	s.Migration.Departments = append(s.Migration.Departments,
		Department{Name: EveryDepartment, Workers: s.Migration.Workers})
}
