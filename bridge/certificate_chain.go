package bridge

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// ReadCertificate reads the document of a certificate and returns it with its digest.
// A document that says more, or less, than a certificate is refused, and so is one whose
// numbers do not agree with its items.
func ReadCertificate(document []byte) (Certificate, string, error) {
	var c Certificate
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&c); err != nil {
		return c, "", fmt.Errorf("no certificate: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return c, "", errors.New("no certificate: something follows it")
	}
	digest := sha256.Sum256(document)
	return c, hex.EncodeToString(digest[:]), c.sound()
}

// sound reports what in a certificate contradicts itself.
func (c *Certificate) sound() error {
	if c.Number < 1 || c.StudyUID == "" || c.Verified.IsZero() || (c.Number == 1) != (c.Previous == "") {
		return errors.New("no certificate: number, study, time or previous digest is missing")
	}
	var counted Certificate
	for _, it := range c.Items {
		proof := counted.proof(it.Kind)
		proof.count(it.State, true, true, true)
	}
	if counted.Instances != c.Instances || counted.Records != c.Records || counted.Attachments != c.Attachments {
		return fmt.Errorf("certificate %d: its numbers do not agree with its items", c.Number)
	}
	return nil
}

// Link is a certificate's place in the chain.
type Link struct {
	Name             string // of the file, for messages
	Number           int
	StudyUID         string
	Previous, SHA256 string
}

// ReadLink reads a document as a link of the chain.
func ReadLink(name string, document []byte) (Link, error) {
	c, digest, err := ReadCertificate(document)
	return Link{Name: name, Number: c.Number, StudyUID: c.StudyUID, Previous: c.Previous, SHA256: digest}, err
}

// CheckChain tells everything that is wrong with a set of links: one that does not
// follow from the one before, two of one number, and gaps, across which nothing is
// proven. Links may come in any order.
func CheckChain(links []Link) []error {
	links = slices.Clone(links)
	slices.SortStableFunc(links, func(a, b Link) int { return cmp.Compare(a.Number, b.Number) })
	var faults []error
	for i := 1; i < len(links); i++ {
		before, link := links[i-1], links[i]
		switch {
		case link.Number == before.Number && link.SHA256 != before.SHA256:
			faults = append(faults, fmt.Errorf("%s and %s are both certificate %d, and differ", before.Name, link.Name, link.Number))
		case link.Number == before.Number+1 && link.Previous != before.SHA256:
			faults = append(faults, fmt.Errorf("%s (certificate %d) does not follow from %s: it names SHA-256 %s, and that one has %s",
				link.Name, link.Number, before.Name, link.Previous, before.SHA256))
		case link.Number > before.Number+1:
			faults = append(faults, fmt.Errorf("between %s (certificate %d) and %s (certificate %d) others are missing, so nothing is proven there",
				before.Name, before.Number, link.Name, link.Number))
		}
	}
	return faults
}
