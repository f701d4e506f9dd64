package dimse

import (
	"fmt"
	"strings"
)

// checkTitle checks an AE title by PS3.5 §6.2 and returns it trimmed.
func checkTitle(what, title string) (string, error) {
	title = strings.TrimSpace(title)
	switch {
	case title == "":
		return "", fmt.Errorf("%s AE title is empty", what)
	case len(title) > 16:
		return "", fmt.Errorf("%s AE title %q is longer than 16 characters", what, title)
	case !validTitle(title):
		return "", fmt.Errorf("%s AE title %q has a character that is not allowed", what, title)
	}
	return title, nil
}

// validTitle says whether a title of a peer can be one at all.
func validTitle(title string) bool {
	return title != "" && !strings.ContainsFunc(title, func(r rune) bool { return r < 0x20 || r == '\\' || r >= 0x7F })
}
