package uid

import (
	"errors"
	"fmt"
	"strings"
)

// maxLength is the most characters that a UID may have (PS3.5 §9.1).
const maxLength = 64

// The ways in which a UID breaks the rules; Valid wraps one of them.
var (
	ErrEmpty       = errors.New("empty UID")
	ErrTooLong     = errors.New("UID of more than 64 characters")
	ErrCharacter   = errors.New("UID with a character other than digits and dots")
	ErrComponent   = errors.New("UID with an empty component")
	ErrLeadingZero = errors.New("UID with a leading zero in a component")
	ErrRoot        = errors.New("UID outside the object identifier tree")
)

// Valid checks uid by the letter of PS3.5 §9.1: at most 64 characters, numeric components without leading zeros,
// parted by dots, at least two of them, below a root that object identifiers have (0 to 2). Padding must be gone before.
func Valid(uid string) error {
	switch {
	case uid == "":
		return ErrEmpty
	case len(uid) > maxLength:
		return fmt.Errorf("%w: it has %d", ErrTooLong, len(uid))
	case strings.Trim(uid, "0123456789.") != "":
		return ErrCharacter
	}
	components := strings.Split(uid, ".")
	for _, c := range components {
		if err := validComponent(c); err != nil {
			return err
		}
	}
	if len(components) < 2 || len(components[0]) != 1 || components[0] > "2" {
		return ErrRoot
	}
	return nil
}

func validComponent(c string) error {
	switch {
	case c == "":
		return ErrComponent
	case len(c) > 1 && c[0] == '0':
		return ErrLeadingZero
	}
	return nil
}

// Opaque reports whether uid, valid or not, can be carried as it is: one to 64 printable ASCII characters without a
// backslash, which would part it into two values. Real archives hold UIDs with leading zeros and letters.
func Opaque(uid string) bool {
	if uid == "" || len(uid) > maxLength {
		return false
	}
	for i := range len(uid) {
		if c := uid[i]; c <= ' ' || c > '~' || c == '\\' {
			return false
		}
	}
	return true
}
