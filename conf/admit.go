package conf

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// Admit is one caller that may open an association to us: an AE title, from
// anywhere or from a range of addresses only.
type Admit struct {
	AETitle string
	Range   netip.Prefix // not valid: from anywhere
}

// Allows tells whether a caller of that title and address is meant.
func (a Admit) Allows(aeTitle string, from netip.Addr) bool {
	if a.AETitle != strings.TrimSpace(aeTitle) {
		return false
	}
	return !a.Range.IsValid() || a.Range.Contains(from.Unmap())
}

// String is the entry as it may be written in the settings.
func (a Admit) String() string {
	if !a.Range.IsValid() {
		return a.AETitle
	}
	return a.AETitle + "@" + a.Range.String()
}

// MarshalText writes what UnmarshalText reads.
func (a Admit) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads "NEWPACS", "NEWPACS@10.1.0.0/16" or "NEWPACS@10.1.0.6".
// The last @ divides, since an AE title may hold one.
func (a *Admit) UnmarshalText(text []byte) error {
	title, from := string(text), ""
	if at := strings.LastIndexByte(title, '@'); at >= 0 {
		title, from = title[:at], title[at+1:]
		prefix, err := parsePrefix(from)
		if err != nil {
			return fmt.Errorf("%q: %q is neither an address nor a range such as 10.1.0.0/16", text, from)
		}
		a.Range = prefix
	}
	a.AETitle = strings.TrimSpace(title)
	if err := checkAETitle(a.AETitle); err != nil {
		return fmt.Errorf("%q: the AE title %w", text, err)
	}
	return nil
}

func parsePrefix(text string) (netip.Prefix, error) {
	if strings.Contains(text, "/") {
		prefix, err := netip.ParsePrefix(text)
		return prefix.Masked(), err
	}
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, err
	}
	addr = addr.Unmap()
	return netip.PrefixFrom(addr, addr.BitLen()), nil
}

// checkAETitle holds a title to the value representation AE of PS3.5 §6.2.
func checkAETitle(title string) error {
	switch {
	case strings.TrimSpace(title) == "":
		return errors.New("is empty")
	case len(title) > 16:
		return fmt.Errorf("has %d characters, more than the 16 allowed", len(title))
	}
	for _, r := range title {
		if r < ' ' || r > '~' || r == '\\' {
			return fmt.Errorf("holds the character %q, which is not allowed", r)
		}
	}
	return nil
}
