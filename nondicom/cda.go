package nondicom

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"

	"github.com/suyashkumar/dicom/pkg/tag"
	"golang.org/x/text/encoding/htmlindex"
)

const encapsulatedCDA = "1.2.840.10008.5.1.4.1.1.104.2"

// maxCDAHeader bounds what of a clinical document is read to learn its name.
const maxCDAHeader = 1 << 20

// encapsulateCDA makes an Encapsulated CDA of a clinical document of HL7's
// (PS3.3 §A.45.2). The document is untouched.
func encapsulateCDA(id Identity, a Attachment, s source) (*Object, error) {
	if err := s.check(cdaKind); err != nil {
		return nil, err
	}
	head, content, err := peek(s.content, min(s.size, maxCDAHeader))
	if err != nil {
		return nil, err
	}
	s.content = content
	document, err := readCDA(head)
	if err != nil {
		return nil, err
	}
	// "text/XML" is how the standard spells it (PS3.3 §C.24.2).
	return encapsulation{class: encapsulatedCDA, mime: "text/XML", series: documentSeries, burnedIn: true}.object(id, a, s, func(set *attributes) {
		set.text(tag.HL7InstanceIdentifier, document.identifier())
		if document.Code.System == loincOID && document.Code.Code != "" {
			meaning := cutText(oneValue(document.Code.Name), longString)
			if meaning == "" {
				meaning = "Clinical document"
			}
			set.sequence(tag.ConceptNameCodeSequence, code{document.Code.Code, "LN", meaning}.item())
		}
		if title := strings.TrimSpace(document.Title); title != "" && strings.TrimSpace(a.Title) == "" {
			set.text(tag.DocumentTitle, cutText(title, shortText))
		}
	})
}

// loincOID is the identifier of LOINC (PS3.16 table 8-1).
const loincOID = "2.16.840.1.113883.6.1"

// clinicalDocument is what the header of a CDA says of it.
type clinicalDocument struct {
	ID struct {
		Root      string `xml:"root,attr"`
		Extension string `xml:"extension,attr"`
	}
	Code struct {
		Code   string `xml:"code,attr"`
		System string `xml:"codeSystem,attr"`
		Name   string `xml:"displayName,attr"`
	}
	Title string
}

// identifier is the document's as HL7 Instance Identifier (0040,E001) has it:
// root^extension (PS3.3 §C.24.2).
func (d clinicalDocument) identifier() string {
	if d.ID.Extension == "" {
		return d.ID.Root
	}
	return d.ID.Root + "^" + d.ID.Extension
}

// readCDA reads the elements that stand in every header before the patient.
func readCDA(head []byte) (clinicalDocument, error) {
	var d clinicalDocument
	decoder := xml.NewDecoder(bytes.NewReader(head))
	decoder.CharsetReader = func(charset string, from io.Reader) (io.Reader, error) {
		encoding, err := htmlindex.Get(charset)
		if err != nil {
			return nil, errors.New("unknown character set")
		}
		return encoding.NewDecoder().Reader(from), nil
	}
	for depth := 0; ; {
		token, err := decoder.Token()
		if err != nil {
			return d, d.check()
		}
		switch t := token.(type) {
		case xml.StartElement:
			if depth++; depth == 1 && t.Name.Local != "ClinicalDocument" {
				return d, &UnsupportedError{Kind: "text/xml", Why: "its root is not ClinicalDocument; it can only be archived"}
			}
			if depth == 2 {
				depth -= d.take(decoder, t)
			}
			if t.Name.Local == "recordTarget" || t.Name.Local == "component" {
				return d, d.check()
			}
		case xml.EndElement:
			depth--
		}
	}
}

// take reads one element of the header, and returns 1 when it took its end too.
func (d *clinicalDocument) take(decoder *xml.Decoder, t xml.StartElement) int {
	var target any
	switch t.Name.Local {
	case "id":
		target = &d.ID
	case "code":
		target = &d.Code
	case "title":
		target = &d.Title
	default:
		return 0
	}
	_ = decoder.DecodeElement(target, &t) // what cannot be read is missing, and told below
	return 1
}

func (d clinicalDocument) check() error {
	if d.ID.Root == "" {
		return &UnsupportedError{Kind: cdaKind, Why: "it has no id, which the standard wants; it can only be archived"}
	}
	return nil
}
