package staging

import (
	"context"
	"fmt"
)

// ItemKind says what an item of a study is.
type ItemKind string

// The kinds of item.
const (
	Instance   ItemKind = "instance"
	Record     ItemKind = "record"
	Attachment ItemKind = "attachment"
)

// ItemState is where an item stands.
type ItemState string

// The states of an item. Done means proven at its target.
const (
	ItemPending ItemState = "pending"
	ItemDone    ItemState = "done"
	ItemFailed  ItemState = "failed"
	ItemSkipped ItemState = "skipped"
)

// Item is one thing of a study that has to arrive: an instance, the legacy
// record or an attachment. The object made of a record or an attachment is no
// item of its own.
type Item struct {
	Kind           ItemKind
	UID            string // SOP Instance UID, study_key or attachment_key
	ObjectUID      string // SOP Instance UID under which it stands at NEW; the UID itself for an instance
	SeriesUID      string
	SOPClass       string
	TransferSyntax string
	State          ItemState // "" means pending
	Class          Class
	Reason         string
	Warning        string // what NEW said though it stored the object
	Bytes          int64
	SHA256         string // of an attachment: of the source file's content
	Received       bool
	Stored         bool   // NEW answered success or warning
	Found          bool   // NEW lists it
	Payload        []byte // JSON of the legacy record or attachment, opaque here
}

// UnprovenError says that an item was called done though NEW does not list it.
type UnprovenError struct {
	Kind ItemKind
	UID  string
}

func (e *UnprovenError) Error() string {
	return fmt.Sprintf("%s %s is not done: it was not found at its target", e.Kind, e.UID)
}

// Temporary reports false: the caller has to look at NEW first.
func (e *UnprovenError) Temporary() bool { return false }

func (it Item) check() error {
	switch {
	case it.UID == "":
		return fmt.Errorf("%s without a UID", it.Kind)
	case it.State == ItemDone && !it.Found:
		return &UnprovenError{it.Kind, it.UID}
	}
	return nil
}

// withDefaults fills in what an item leaves out.
func (it Item) withDefaults() Item {
	if it.State == "" {
		it.State = ItemPending
	}
	if it.ObjectUID == "" && it.Kind == Instance {
		it.ObjectUID = it.UID
	}
	if it.State == ItemFailed && it.Class == "" {
		it.Class = Internal
	}
	return it
}

const itemColumns = `kind, uid, object_uid, series_uid, sop_class, transfer_syntax, state, class, reason, warning,
	bytes, sha256, received, stored, found, payload`

func scanItem(row scanner) (Item, error) {
	var it Item
	err := row.Scan(&it.Kind, &it.UID, &it.ObjectUID, &it.SeriesUID, &it.SOPClass, &it.TransferSyntax, &it.State,
		&it.Class, &it.Reason, &it.Warning, &it.Bytes, &it.SHA256, &it.Received, &it.Stored, &it.Found, &it.Payload)
	return it, err
}

func readItems(ctx context.Context, q querier, studyID int64) ([]Item, error) {
	var items []Item
	const query = `SELECT ` + itemColumns + ` FROM items WHERE study_id = $1 ORDER BY kind, uid`
	err := eachRow(ctx, q, query, []any{studyID}, func(row scanner) error {
		it, err := scanItem(row)
		items = append(items, it)
		return err
	})
	return items, err
}

// bit writes a flag the way both engines keep it.
func bit(set bool) int {
	if set {
		return 1
	}
	return 0
}
