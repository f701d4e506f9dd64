package conf

import (
	"net/url"
	"regexp"
	"strings"
)

const redacted = "xxxxx"

// Secret is a value that is never shown. Use Reveal where it is needed.
type Secret string

// Reveal returns the secret itself.
func (s Secret) Reveal() string { return string(s) }

// String stands in for the secret wherever it is printed.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

// MarshalText keeps the secret out of JSON and of structured logs.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// GoString keeps the secret out of %#v.
func (s Secret) GoString() string { return s.String() }

// URL is an address that may hold a password. It prints without it; Reveal
// gives the whole.
type URL string

// Reveal returns the address with its password.
func (u URL) Reveal() string { return string(u) }

// Scheme is what stands before the first colon, or "" for a plain path.
func (u URL) Scheme() string {
	scheme, _, found := strings.Cut(string(u), ":")
	if !found || !schemePattern.MatchString(scheme) {
		return ""
	}
	return strings.ToLower(scheme)
}

var (
	schemePattern = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*$`)
	secretWord    = regexp.MustCompile(`(?i)pass|pwd|secret|token|key|credential|sas|sig`)
)

// String is the address with passwords replaced, whether they stand before
// the host or among the parameters. What cannot be read as a URL is cut down
// to its scheme, since nobody can tell where its password begins.
func (u URL) String() string {
	scheme := u.Scheme()
	if scheme == "" {
		return string(u)
	}
	parsed, err := url.Parse(string(u))
	if err != nil || parsed.User == nil && strings.Contains(string(u), "@") {
		return scheme + ":" + redacted
	}
	if _, has := parsed.User.Password(); has {
		parsed.User = url.UserPassword(parsed.User.Username(), redacted)
	}
	parsed.RawQuery = redactQuery(parsed.RawQuery)
	return parsed.String()
}

// redactQuery works on the raw text so that an order or an escape of the
// operator's is shown as he wrote it.
func redactQuery(raw string) string {
	if raw == "" {
		return ""
	}
	parts := strings.Split(raw, "&")
	for i, part := range parts {
		name, value, _ := strings.Cut(part, "=")
		if value != "" && secretWord.MatchString(name) {
			parts[i] = name + "=" + redacted
		}
	}
	return strings.Join(parts, "&")
}

// MarshalText keeps the password out of JSON and of structured logs.
func (u URL) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// GoString keeps the password out of %#v.
func (u URL) GoString() string { return u.String() }
