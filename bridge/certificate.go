package bridge

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"time"

	"pacsbridge/dimse/uid"
	"pacsbridge/staging"
)

// Certificate states that one study has arrived whole: what was expected, received,
// stored, and found at NEW at the time it names. It holds UIDs, keys and digests and
// nothing of the patient. Each one names the SHA-256 of the one before, so that none
// can be changed or taken away unnoticed.
type Certificate struct {
	Number      int             `json:"certificate"`
	Previous    string          `json:"previous_sha256"` // "" in the first
	Verified    time.Time       `json:"verified"`        // when NEW listed what is found
	StudyUID    string          `json:"study_uid"`
	StudyKey    string          `json:"study_key,omitempty"`
	Kind        staging.Kind    `json:"kind"`
	Origin      staging.Origin  `json:"origin,omitempty"` // unsolicited: nobody asked for it
	Old         string          `json:"old_pacs"`         // AE titles
	New         string          `json:"new_pacs"`
	Instances   Proof           `json:"instances"`
	Records     Proof           `json:"records"`
	Attachments Proof           `json:"attachments"`
	Items       []CertifiedItem `json:"items"`
	Extra       []string        `json:"extra_at_new,omitempty"` // what NEW lists of the study beside

	Commitments []CertifiedCommitment `json:"commitments,omitempty"` // what NEW has committed to, where it was asked
}

// Proof counts the objects of one kind by how far each came. In a certificate the
// four numbers are equal.
type Proof struct {
	Expected int `json:"expected"`
	Received int `json:"received"`
	Stored   int `json:"stored"`
	Found    int `json:"found"`
	Skipped  int `json:"skipped,omitempty"` // by the settings or by a person: expected nowhere
}

// CertifiedItem is one object with what proves it.
type CertifiedItem struct {
	Kind           staging.ItemKind  `json:"kind"`
	UID            string            `json:"uid"`                  // SOP Instance UID, study_key or attachment_key
	ObjectUID      string            `json:"object_uid,omitempty"` // SOP Instance UID at NEW, where it is another
	SOPClass       string            `json:"sop_class,omitempty"`
	SOPClassName   string            `json:"sop_class_name,omitempty"`
	TransferSyntax string            `json:"transfer_syntax,omitempty"`
	Syntax         string            `json:"transfer_syntax_name,omitempty"`
	Bytes          int64             `json:"bytes"`
	SHA256         string            `json:"sha256"`                       // of the data set; of an attachment: of the source file
	AmendedSHA256  string            `json:"amended_sha256,omitempty"`     // of the data set as rules changed it
	Amended        []string          `json:"amended_attributes,omitempty"` // those; their values stand in the report
	Sent           *Sent             `json:"sent,omitempty"`               // what NEW was sent, where that is in another form still
	Archive        string            `json:"archive,omitempty"`            // where it stands in the new system's own archive
	State          staging.ItemState `json:"state"`
	From           string            `json:"from,omitempty"` // the AE title that sent it without being asked
	Warning        string            `json:"warning,omitempty"`
}

// Chain keeps the certificates.
type Chain interface {
	Certify(ctx context.Context, studyUID string, draw func(number int, previous string) ([]byte, error)) (staging.Certificate, error)
}

// Registrar issues certificates.
type Registrar struct {
	Books        Books
	New          Lister
	Archive      *Keeper // nil: there is no archive
	Chain        Chain
	OldAE, NewAE string
	Clock        func() time.Time // time.Now when nil
}

// UncertifiedError says why a study gets no certificate.
type UncertifiedError struct {
	StudyUID string
	Why      string
}

func (e *UncertifiedError) Error() string {
	return fmt.Sprintf("no certificate for study %s: %s", e.StudyUID, e.Why)
}

// Temporary is false: the study must be migrated first.
func (e *UncertifiedError) Temporary() bool { return false }

// Certify asks NEW once more what it holds of a migrated study and, when that is all
// of it, issues the next certificate of the chain. A study that is not whole gets
// none but an *UncertifiedError.
func (r *Registrar) Certify(ctx context.Context, studyUID string) (staging.Certificate, error) {
	study, items, err := r.Books.Study(ctx, studyUID)
	if err != nil {
		return staging.Certificate{}, fmt.Errorf("read study %s in the ledger: %w", studyUID, err)
	}
	if study.State != staging.Migrated {
		return staging.Certificate{}, &UncertifiedError{studyUID, "it is " + string(study.State)}
	}
	collection := NewCollection(study, items)
	listed, err := listedAt(ctx, r.New, collection)
	if err != nil {
		return staging.Certificate{}, err
	}
	verified := r.now()
	if listed, err = r.Archive.standing(ctx, collection, listed); err != nil {
		return staging.Certificate{}, err
	}
	if missing := absent(collection, listed); len(missing) > 0 {
		return staging.Certificate{}, &UncertifiedError{studyUID,
			fmt.Sprintf("%d of its objects are not listed by the new PACS now, one is %s", len(missing), missing[0].UID)}
	}
	draft := r.draft(study, items, listed, verified)
	for _, d := range extra(collection, listed) {
		draft.Extra = append(draft.Extra, d.UID)
	}
	if draft.Commitments, err = r.commitments(ctx, studyUID); err != nil {
		return staging.Certificate{}, err
	}
	issued, err := r.Chain.Certify(ctx, studyUID, func(number int, previous string) ([]byte, error) {
		draft.Number, draft.Previous = number, previous
		return draft.document()
	})
	if err != nil {
		return issued, fmt.Errorf("issue a certificate: %w", err)
	}
	return issued, nil
}

func (r *Registrar) now() time.Time {
	clock := r.Clock
	if clock == nil {
		clock = time.Now
	}
	return clock().UTC().Truncate(time.Second)
}

// draft is a certificate without its place in the chain.
func (r *Registrar) draft(study staging.Study, items []staging.Item, listed []Listed, verified time.Time) *Certificate {
	c := &Certificate{Verified: verified, StudyUID: study.UID, StudyKey: study.Key, Kind: study.Kind, Origin: study.Origin, Old: r.OldAE, New: r.NewAE,
		Items: []CertifiedItem{}}
	at := uidsOf(listed)
	for _, it := range items {
		c.proof(it.Kind).count(it.State, it.Received, it.Stored, at[it.ObjectUID])
		c.Items = append(c.Items, certified(it))
	}
	return c
}

// proof is where items of a kind are counted.
func (c *Certificate) proof(kind staging.ItemKind) *Proof {
	switch kind {
	case staging.Record:
		return &c.Records
	case staging.Attachment:
		return &c.Attachments
	}
	return &c.Instances
}

func (p *Proof) count(state staging.ItemState, received, stored, found bool) {
	if state == staging.ItemSkipped {
		p.Skipped++
		return
	}
	p.Expected++
	for _, step := range []struct {
		done bool
		n    *int
	}{{received, &p.Received}, {stored, &p.Stored}, {found, &p.Found}} {
		if step.done {
			*step.n++
		}
	}
}

func certified(it staging.Item) CertifiedItem {
	c := CertifiedItem{Kind: it.Kind, UID: it.UID, SOPClass: it.SOPClass, TransferSyntax: it.TransferSyntax,
		Bytes: it.Bytes, SHA256: it.SHA256, Sent: sentOf(&it), Archive: it.Archive, State: it.State, Warning: withoutComment(it.Warning)}
	if it.Kind == staging.Instance {
		passage := passageOf(&it)
		c.From, c.AmendedSHA256 = passage.From, passage.AmendedSHA256
		for _, a := range passage.Amended {
			c.Amended = append(c.Amended, a.Attribute)
		}
	}
	if it.ObjectUID != it.UID {
		c.ObjectUID = it.ObjectUID
	}
	if it.SOPClass != "" {
		c.SOPClassName = uid.Name(it.SOPClass)
	}
	if it.TransferSyntax != "" {
		c.Syntax = uid.Name(it.TransferSyntax)
	}
	return c
}

// storedWithWarning is how the ledger tells the warning of a C-STORE response; what
// comes behind is the comment of NEW, which may name a patient.
var storedWithWarning = regexp.MustCompile(`(?s)((?:^|; )stored with warning [0-9A-F]{4}).*$`)

func withoutComment(warning string) string {
	return storedWithWarning.ReplaceAllString(warning, "$1")
}

// document is the certificate as it is kept and handed out, byte for byte: its digest
// is the SHA-256 of the file.
func (c *Certificate) document() ([]byte, error) {
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	return append(text, '\n'), nil
}
