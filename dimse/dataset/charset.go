package dataset

import "strings"

// DecodeText decodes b for display under the values of SpecificCharacterSet.
func DecodeText(b []byte, charset []string) (text string, guessed bool) { return string(b), false }

// Text returns the value of tag decoded for display.
func (d *Dataset) Text(tag Tag) string { return d.String(tag) }

// charset is the data set's SpecificCharacterSet, or that of the data set around it.
func (d *Dataset) charset() []string { return nil }

// splitText parts the values of a text.
func splitText(s string, charset []string) []string { return strings.Split(s, `\`) }
