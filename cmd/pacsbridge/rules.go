package main

import (
	"fmt"
	"regexp"

	"pacsbridge/bridge"
	"pacsbridge/conf"
)

// newRules makes ready what the settings change on the way, tables included.
func newRules(s *conf.Settings) (bridge.Rules, error) {
	rules := bridge.Rules{Old: s.Old.AETitle}
	for i, r := range s.Rules {
		rule, err := newRule(r)
		if err != nil {
			return rules, withHint(fmt.Errorf("rule %d: %w", i+1, err), fmt.Sprintf("see rules[%d]", i))
		}
		rules.List = append(rules.List, rule)
	}
	return rules, nil
}

// newRule makes one rule ready; conf has checked that it has one action.
func newRule(r conf.Rule) (bridge.Rule, error) {
	rule := bridge.Rule{Attribute: r.Attribute(), Modalities: r.When.Modality, Departments: r.When.Department,
		Issuers: r.When.Issuer, Callers: r.When.Calling}
	var err error
	switch {
	case r.Set.Attribute != "":
		rule.Action, rule.Value = bridge.Set, r.Set.Value
	case r.Empty.Attribute != "":
		rule.Action = bridge.Empty
	case r.Remove.Attribute != "":
		rule.Action = bridge.Remove
	case r.Replace.Attribute != "":
		rule.Action, rule.Value = bridge.Replace, r.Replace.With
		rule.Pattern, err = regexp.Compile(r.Replace.Pattern)
	case r.Map.Attribute != "":
		rule.Action, rule.Keep = bridge.Map, r.Map.Unknown == conf.UnknownKeep
		rule.Table, err = bridge.ReadRuleTable(r.Map.File)
	}
	if err != nil {
		return rule, err
	}
	return rule, rule.Check()
}

// tryRules tells which rules are in force.
func (r *rig) tryRules(try func(name string, do func() (string, error))) {
	for i, setting := range r.settings.Rules {
		try(fmt.Sprintf("rule %d", i+1), func() (string, error) {
			rule, err := newRule(setting)
			if err != nil {
				return "", withHint(err, fmt.Sprintf("see rules[%d]", i))
			}
			return rule.String(), nil
		})
	}
}
