package conf

import (
	"fmt"
	"slices"
	"strings"
)

// Certificate says whose certificate an AE title has: by its common name, a DNS name or
// address that it is made out to, or sha256: and its fingerprint.
type Certificate struct {
	AETitle string
	Name    string
}

// String is the entry as it may be written in the settings.
func (c Certificate) String() string { return c.AETitle + "=" + c.Name }

// MarshalText writes what UnmarshalText reads.
func (c Certificate) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads "OLDPACS=old.hospital" or "OLDPACS=sha256:12ab…". The last = divides,
// since an AE title may hold one.
func (c *Certificate) UnmarshalText(text []byte) error {
	at := strings.LastIndexByte(string(text), '=')
	if at < 0 {
		return fmt.Errorf("%q: write it as TITLE=name of its certificate", text)
	}
	c.AETitle, c.Name = strings.TrimSpace(string(text[:at])), strings.TrimSpace(string(text[at+1:]))
	if err := checkAETitle(c.AETitle); err != nil {
		return fmt.Errorf("%q: the AE title %w", text, err)
	}
	if c.Name == "" {
		return fmt.Errorf("%q: names no certificate", text)
	}
	return nil
}

// certificates demands one for everybody who may call, where there are any: a title that
// was forgotten would be rejected.
func (c checker) certificates(s *Settings) {
	if len(s.Node.Certificates) == 0 {
		return
	}
	if !s.Node.TLS.Enabled() {
		c.fail("node.certificates", "set node.tls, or leave it out", "needs TLS on the listener")
	}
	callers := []string{s.Old.AETitle, s.New.AETitle}
	for _, admit := range s.Node.Admit {
		callers = append(callers, admit.AETitle)
	}
	var lacking []string
	for _, title := range callers {
		known := slices.ContainsFunc(s.Node.Certificates, func(c Certificate) bool { return c.AETitle == title })
		if !known && title != "" && !slices.Contains(lacking, title) {
			lacking = append(lacking, title)
		}
	}
	if len(lacking) > 0 {
		c.fail("node.certificates", "add "+lacking[0]+"=name of its certificate", "names no certificate of %s, who may call", strings.Join(lacking, ", "))
	}
}
