package fetch

import (
	"errors"
	"fmt"

	"golang.org/x/text/encoding/htmlindex"
)

// nameEncoder writes the names of files in the character set of a store:
// old servers on Chinese machines know them in GBK only. Empty is UTF-8.
func nameEncoder(charset string) (func(name string) (string, error), error) {
	if charset == "" {
		return func(name string) (string, error) { return name, nil }, nil
	}
	encoding, err := htmlindex.Get(charset)
	if err != nil {
		return nil, fmt.Errorf("unknown character set %q", charset)
	}
	return func(name string) (string, error) {
		encoded, err := encoding.NewEncoder().String(name)
		if err != nil {
			return "", &Error{Kind: ErrNotFound, Detail: errors.New("the name cannot be written in the store's character set")}
		}
		return encoded, nil
	}, nil
}
