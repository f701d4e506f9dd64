package staging

import (
	"context"
	"fmt"
	"slices"
	"strings"
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
// item of its own; a document drawn of a text beside it is an attachment.
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
	Archive        string // where it stands in the new system's own archive; "" where it does not go there
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
	bytes, sha256, received, stored, found, payload, archive`

func scanItem(row scanner) (Item, error) {
	var it Item
	err := row.Scan(&it.Kind, &it.UID, &it.ObjectUID, &it.SeriesUID, &it.SOPClass, &it.TransferSyntax, &it.State,
		&it.Class, &it.Reason, &it.Warning, &it.Bytes, &it.SHA256, &it.Received, &it.Stored, &it.Found, &it.Payload, &it.Archive)
	return it, err
}

// readItems returns the items of a study in their order, rows or at rest.
func readItems(ctx context.Context, q querier, studyID int64) ([]Item, error) {
	items, err := readRows(ctx, q, studyID)
	if err != nil || len(items) > 0 {
		return items, err
	}
	return readManifest(ctx, q, studyID)
}

// readRows returns the items of a study that is not migrated.
func readRows(ctx context.Context, q querier, studyID int64) ([]Item, error) {
	var items []Item
	const query = `SELECT ` + itemColumns + ` FROM items WHERE study_id = $1 ORDER BY kind, uid`
	err := eachRow(ctx, q, query, []any{studyID}, func(row scanner) error {
		it, err := scanItem(row)
		items = append(items, it)
		return err
	})
	return items, err
}

// What to do with an item that the study has already.
const (
	// replaceItem takes what is said of it now, but keeps its payload where none
	// is said.
	replaceItem = `ON CONFLICT (study_id, kind, uid) DO UPDATE SET
		object_uid = excluded.object_uid, series_uid = excluded.series_uid, sop_class = excluded.sop_class,
		transfer_syntax = excluded.transfer_syntax, state = excluded.state, class = excluded.class,
		reason = excluded.reason, warning = excluded.warning, bytes = excluded.bytes, sha256 = excluded.sha256,
		received = excluded.received, stored = excluded.stored, found = excluded.found,
		payload = COALESCE(excluded.payload, items.payload), archive = excluded.archive`
	// keepItem keeps what is recorded of it.
	keepItem = `ON CONFLICT (study_id, kind, uid) DO UPDATE SET
		series_uid = COALESCE(NULLIF(items.series_uid, ''), excluded.series_uid),
		sop_class = COALESCE(NULLIF(items.sop_class, ''), excluded.sop_class)`
)

// itemChunk is how many items one statement writes.
const itemChunk = 50

// writeItems writes items, no two of them the same, into rows.
func writeItems(ctx context.Context, tx *tx, studyID int64, items []Item, known string) error {
	for chunk := range slices.Chunk(items, itemChunk) {
		q := query{args: []any{studyID}}
		rows := make([]string, len(chunk))
		for i, it := range chunk {
			values := []string{"$1"}
			for _, value := range []any{it.Kind, it.UID, it.ObjectUID, it.SeriesUID, it.SOPClass, it.TransferSyntax, it.State, it.Class,
				it.Reason, it.Warning, it.Bytes, it.SHA256, bit(it.Received), bit(it.Stored), bit(it.Found), it.Payload, it.Archive} {
				values = append(values, q.arg(value))
			}
			rows[i] = "(" + strings.Join(values, ", ") + ")"
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO items (study_id, `+itemColumns+`) VALUES `+strings.Join(rows, ", ")+" "+known, q.args...)
		if err != nil {
			return fmt.Errorf("%s %q and %d more: %w", chunk[0].Kind, chunk[0].UID, len(chunk)-1, err)
		}
	}
	return nil
}

// prepared checks items, fills in what they leave out, and of two that are the
// same keeps the last.
func prepared(items []Item) ([]Item, error) {
	at := make(map[itemKey]int, len(items))
	kept := make([]Item, 0, len(items))
	for _, it := range items {
		if err := it.check(); err != nil {
			return nil, err
		}
		it = it.withDefaults()
		if i, twice := at[it.key()]; twice {
			kept[i] = it
			continue
		}
		at[it.key()] = len(kept)
		kept = append(kept, it)
	}
	return kept, nil
}

// itemKey tells the items of a study apart.
type itemKey struct {
	kind ItemKind
	uid  string
}

func (it Item) key() itemKey { return itemKey{it.Kind, it.UID} }

// knownItems returns those of the items that the study has already, as far as a
// tally asks for them.
func knownItems(ctx context.Context, tx *tx, e *engine, studyID int64, items []Item) (map[itemKey]Item, error) {
	uids := map[ItemKind][]string{}
	for _, it := range items {
		uids[it.Kind] = append(uids[it.Kind], it.UID)
	}
	known := make(map[itemKey]Item, len(items))
	for kind, list := range uids {
		q := query{engine: e, args: []any{studyID, kind}}
		err := eachRow(ctx, tx, `SELECT kind, uid, state, bytes, received, stored, found FROM items
			WHERE study_id = $1 AND kind = $2 AND `+e.in("uid", q.list(list)), q.args, func(row scanner) error {
			var it Item
			err := row.Scan(&it.Kind, &it.UID, &it.State, &it.Bytes, &it.Received, &it.Stored, &it.Found)
			known[it.key()] = it
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return known, nil
}

// bit writes a flag the way both engines keep it.
func bit(set bool) int {
	if set {
		return 1
	}
	return 0
}
