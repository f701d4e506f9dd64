package bridge

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"pacsbridge/dimse/uid"
	"pacsbridge/staging"
)

// Sent tells of an instance that NEW was sent with other content than was received: by
// which program it was made, its digest, and in what it differs.
type Sent struct {
	By             string `json:"by"` // the program
	TransferSyntax string `json:"transfer_syntax"`
	Bytes          int64  `json:"bytes"`
	SHA256         string `json:"sha256"`
	// Pixels is the SHA-256 of the pixel data's values, Attributes that of the value of
	// each other attribute that differs; "" where there is none of it any more.
	Pixels     string            `json:"pixels_sha256"`
	Attributes map[string]string `json:"attributes,omitempty"`
}

// sentAs tells in what a data set differs from the one that was received.
func sentAs(differences changes, now *fingerprint) *Sent {
	s := &Sent{Pixels: now.pixels}
	for path := range differences.paths() {
		if s.Attributes == nil {
			s.Attributes = map[string]string{}
		}
		s.Attributes[path] = ""
		if value, there := now.attributes[path]; there {
			s.Attributes[path] = value.digest()
		}
	}
	return s
}

// digest stands for the value; padding of text does not count.
func (v valuePrint) digest() string {
	if v.text {
		return hex.EncodeToString(v.trimmed[:])
	}
	return hex.EncodeToString(v.raw[:])
}

// digest notes size and SHA-256 of the data set that is sent.
func (s *Sent) digest(p Parcel) error {
	data, err := p.Open()
	if err != nil {
		return err
	}
	defer data.Close()
	if s.Bytes, s.SHA256, err = digestOf(data); err != nil {
		return fmt.Errorf("read object %s: %w", p.SOPInstance, err)
	}
	return nil
}

// digestOf reads a data set to its end and returns its length and SHA-256.
func digestOf(data io.Reader) (size int64, digest string, err error) {
	hash := sha256.New()
	if size, err = io.Copy(hash, data); err != nil {
		return size, "", err
	}
	return size, hex.EncodeToString(hash.Sum(nil)), nil
}

// known is nil until it is known what is sent.
func (s *Sent) known() *Sent {
	if s == nil || s.SHA256 == "" {
		return nil
	}
	return s
}

// recordSent keeps with a stored instance how it was sent; s is nil where it was sent as
// it was received.
func recordSent(it *staging.Item, s *Sent) {
	if it.Kind != staging.Instance || s == nil && sentOf(it) == nil {
		return
	}
	p := passageOf(it)
	p.Sent = s
	p.record(it)
	if s != nil {
		it.Warning = remark(it.Warning, s.note(it.TransferSyntax))
	}
}

// note says it in words.
func (s *Sent) note(from string) string {
	return fmt.Sprintf("decompressed by %s from %s to %s since the target takes no other; SHA-256 of what was sent %s",
		s.By, uid.Name(from), uid.Name(s.TransferSyntax), s.SHA256)
}

// original is what was received, as a fingerprint, with what was sent in the place of what
// differed; now is what NEW has, and tells how a value is encoded there.
func (s *Sent) original(received, now *fingerprint) *fingerprint {
	f := *received
	f.attributes = maps.Clone(received.attributes)
	f.pixels, f.encapsulated, f.TransferSyntax = s.Pixels, false, s.TransferSyntax
	for path, digest := range s.Attributes {
		switch value, there := now.attributes[path]; {
		case digest == "":
			delete(f.attributes, path)
		case there && value.digest() == digest:
			f.attributes[path] = value
		default:
			f.attributes[path] = valuePrint{} // no value has this digest
		}
	}
	return &f
}

// sentOf is how an instance was sent where its content was changed on the way; nil where
// it was not.
func sentOf(it *staging.Item) *Sent { return passageOf(it).Sent }

// beyond names the differences that are neither changes that may be, nor additions that may.
func (c changes) beyond(mayChange, mayCome map[string]bool) string {
	not := func(allowed ...map[string]bool) func(string) bool {
		return func(path string) bool {
			return slices.ContainsFunc(allowed, func(some map[string]bool) bool { return some[path] })
		}
	}
	rest := changes{
		changed: slices.DeleteFunc(slices.Clone(c.changed), not(mayChange)),
		added:   slices.DeleteFunc(slices.Clone(c.added), not(mayChange, mayCome)),
		removed: slices.DeleteFunc(slices.Clone(c.removed), not(mayChange)),
	}
	if rest.none() {
		return ""
	}
	return strings.TrimSuffix(rest.String(), "; pixel data identical")
}
