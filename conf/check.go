package conf

import (
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// checker goes through settings that could be read and adds what is wrong
// with them. It looks at nothing outside but the files of TLS.
type checker struct{ *faultList }

func check(s *Settings, faults *faultList) {
	c := checker{faults}
	c.node(s)
	c.peer("old", s.Old.Peer)
	oneOf(c, "old.retrieve", s.Old.Retrieve, RetrieveMove, RetrieveGet)
	c.peer("new", s.New.Peer)
	oneOf(c, "migration.delivery", s.Migration.Delivery, StartComplete, StartEarly)
	oneOf(c, "new.commitment", s.New.Commitment, CommitmentAuto, CommitmentRequire, CommitmentOff)
	oneOf(c, "new.rejection_note", s.New.Rejection, RejectionOff, RejectionQuality, RejectionSafety)
	c.command("new.decompress", s.New.Decompress, "{in}", "{out}")
	c.roles(s)
	c.staging(s.Staging)
	c.migration(s.Migration)
	c.legacy(s.Legacy)
	c.nondicom(s.Nondicom)
	c.listener("dashboard.listen", s.Dashboard.Listen)
	c.rules(s.Rules)
}

// fail adds a fault unless the key could not even be read.
func (c checker) fail(key, hint, format string, args ...any) {
	if !c.has(key) {
		c.add(key, fmt.Sprintf(format, args...), hint)
	}
}

func (c checker) node(s *Settings) {
	c.aeTitle("node.ae_title", s.Node.AETitle)
	c.listener("node.listen", s.Node.Listen)
	c.tls("node.tls", s.Node.TLS)
	if t := s.Node.TLS; t.Enabled() && (t.Cert == "" || t.CA == "") {
		c.fail("node.tls", "set cert and key to be known by, and ca to know callers by", "is not complete")
	}
	c.certificates(s)
	c.number("node.max_associations", s.Node.MaxAssociations, 1, 10000)
	oneOf(c, "node.unsolicited", s.Node.Unsolicited, UnsolicitedRefuse, UnsolicitedQuarantine, UnsolicitedForward)
	if d := s.Node.UnsolicitedAfter; d < time.Second || d > 24*time.Hour {
		c.fail("node.unsolicited_after", "the longest pause that a sender makes within a study, for example 30s", "%s is not from 1s to 24h", d)
	}
}

func (c checker) peer(section string, p Peer) {
	c.aeTitle(section+".ae_title", p.AETitle)
	c.address(section+".address", p.Address)
	c.number(section+".associations", p.Associations, 1, 1000)
	c.tls(section+".tls", p.TLS)
}

// roles finds two parties that were given one identity.
func (c checker) roles(s *Settings) {
	ours := s.Node.AETitle
	for _, p := range []struct{ key, title string }{
		{"old.ae_title", s.Old.AETitle}, {"new.ae_title", s.New.AETitle},
	} {
		if ours != "" && p.title == ours {
			c.fail("node.ae_title", "give pacsbridge a title of its own", "%q is also %s", ours, p.key)
		}
	}
	if s.Old.Address != "" && s.Old.Address == s.New.Address && s.Old.AETitle == s.New.AETitle {
		c.fail("new.address", "old and new must be two archives", "names the same PACS as old.address")
	}
}

func (c checker) aeTitle(key, title string) {
	if title == "" {
		c.fail(key, "ask the PACS administrator for it, or choose one for pacsbridge", "must be set")
	} else if err := checkAETitle(title); err != nil {
		c.fail(key, "an AE title has 1 to 16 letters, digits and signs, without a backslash", "%v", err)
	}
}

const addressHint = `write host:port, for example "10.1.0.5:104"`

func (c checker) address(key, address string) {
	if address == "" {
		c.fail(key, addressHint, "must be set")
		return
	}
	host, port, err := net.SplitHostPort(address)
	switch {
	case err != nil:
		c.fail(key, addressHint, "%q is not host:port", address)
	case host == "" || strings.ContainsAny(host, " /"):
		c.fail(key, addressHint, "%q names no host", address)
	case !isPort(port, 1):
		c.fail(key, addressHint, "%q is not a port from 1 to 65535", port)
	}
}

// listener allows what a listener may have and a peer may not: no host (all
// of ours) and port 0 (any free one).
func (c checker) listener(key, address string) {
	host, port, err := net.SplitHostPort(address)
	switch {
	case err != nil || strings.ContainsAny(host, " /"):
		c.fail(key, `write host:port, for example "0.0.0.0:11112"`, "%q is not host:port", address)
	case !isPort(port, 0):
		c.fail(key, `write host:port, for example "0.0.0.0:11112"`, "%q is not a port from 0 to 65535", port)
	}
}

func isPort(text string, least uint64) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	return err == nil && n >= least
}

func (c checker) tls(key string, t TLS) {
	if (t.Cert == "") != (t.Key == "") {
		c.fail(key, "a certificate goes with its key; set both, or neither", "has only one of cert and key")
	}
	for _, file := range []struct{ key, path string }{
		{key + ".cert", t.Cert}, {key + ".key", t.Key}, {key + ".ca", t.CA},
	} {
		if file.path == "" {
			continue
		}
		if info, err := os.Stat(file.path); err != nil {
			c.fail(file.key, "a relative path starts at the working directory", "%s: %s", file.path, reason(err))
		} else if !info.Mode().IsRegular() {
			c.fail(file.key, "name a PEM file", "%s is not a file", file.path)
		}
	}
}

// command demands that each file of a command stands in one of its arguments.
func (c checker) command(key string, command Command, files ...string) {
	if words := command.Words(); len(words) > 0 {
		for _, file := range files {
			if strings.Count(strings.Join(words[1:], " "), file) != 1 {
				c.fail(key, `for example "dcmdjpeg {in} {out}"`, "does not name %s once", file)
			}
		}
	}
}

func (c checker) number(key string, n, least, most int) {
	if n < least || n > most {
		c.fail(key, fmt.Sprintf("set it from %d to %d", least, most), "%d is out of range", n)
	}
}

func oneOf[T ~string](c checker, key string, value T, allowed ...T) {
	if slices.Contains(allowed, value) {
		return
	}
	words := make([]string, len(allowed))
	for i, a := range allowed {
		words[i] = string(a)
	}
	last := len(words) - 1
	c.fail(key, "set it to "+strings.Join(words[:last], ", ")+" or "+words[last], "%q is not a choice", value)
}
