package main

import (
	"github.com/spf13/pflag"

	"pacsbridge/staging"
)

// scopeFlags say which studies of the ledger a command is about; without any
// of them it is about all.
type scopeFlags struct {
	days    dayRange
	studies []string
}

func (s *scopeFlags) addFlags(flags *pflag.FlagSet) {
	s.days.addFlags(flags)
	flags.StringArrayVar(&s.studies, "study", nil, "Study Instance UID; may be given several times")
}

func (s *scopeFlags) scope() (staging.Scope, error) {
	from, to, err := s.days.days()
	if err != nil {
		return staging.Scope{}, err
	}
	if err := uidsOnly("--study", s.studies); err != nil {
		return staging.Scope{}, err
	}
	return staging.Scope{From: isoDay(from), To: isoDay(to), StudyUIDs: s.studies}, nil
}
