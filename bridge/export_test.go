package bridge

import (
	"bytes"
	"io"

	"pacsbridge/dimse/dataset"
)

// Amended is a data set as the rules change it, and what they changed.
func (rules Rules) Amended(data []byte, ts, department, calling string) ([]byte, []Amendment, error) {
	head, err := dataset.ReadHeader(bytes.NewReader(data), ts, rules.beyond(), 0)
	if err != nil {
		return nil, nil, err
	}
	all, err := rules.amendments(head, scene{department, calling})
	if err != nil {
		return nil, nil, err
	}
	changed, err := amended(io.NopCloser(bytes.NewReader(data)), ts, all)
	if err != nil {
		return nil, nil, err
	}
	defer changed.Close()
	after, err := io.ReadAll(changed)
	return after, all, err
}

// TableOf is a table of rules that was not read from a file.
func TableOf(entries map[string]string) *RuleTable {
	return &RuleTable{Name: "table", entries: entries}
}
