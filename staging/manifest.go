package staging

import (
	"bytes"
	"cmp"
	"compress/flate"
	"context"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
)

// A manifest is the items of a migrated study in one compressed row: two billion
// rows would be no ledger any more. It is written column by column, since like
// stands beside like then: texts as how much they share with the one before and
// the rest, digests as bytes, flags as bits.
//
//	manifest = version byte, DEFLATE stream of:
//	    number of items
//	    for each column in the order of manifestColumns, for each item: its value
const manifestVersion = 1

// manifestLimit bounds what a damaged manifest can make us allocate.
const manifestLimit = 1 << 30

// column is one text of an item.
type column func(*Item) *string

var manifestTexts = []column{
	func(it *Item) *string { return (*string)(&it.Kind) },
	func(it *Item) *string { return &it.UID },
	func(it *Item) *string { return &it.SeriesUID },
	func(it *Item) *string { return &it.SOPClass },
	func(it *Item) *string { return &it.TransferSyntax },
	func(it *Item) *string { return (*string)(&it.State) },
	func(it *Item) *string { return (*string)(&it.Class) },
	func(it *Item) *string { return &it.Reason },
	func(it *Item) *string { return &it.Warning },
}

// The flags of an item in its manifest.
const (
	flagReceived = 1 << iota
	flagStored
	flagFound
	flagOwnUID    // it stands at NEW under its own UID
	flagDigest    // SHA256 is a digest in lower-case hexadecimal, kept as bytes
	flagNoPayload // there is none, not even an empty one
	flagArchive   // it stands in the new system's own archive
)

// deflaters keeps compressors, of half a megabyte each, for the next study: a
// sync.Pool would have lost them by then.
var deflaters = make(chan *flate.Writer, 2)

func takeDeflater(w io.Writer) *flate.Writer {
	select {
	case d := <-deflaters:
		d.Reset(w)
		return d
	default:
		d, _ := flate.NewWriter(w, flate.BestCompression) // the level is valid
		return d
	}
}

func giveDeflaterBack(d *flate.Writer) {
	select {
	case deflaters <- d:
	default:
	}
}

// sortItems puts items in the order in which they are read.
func sortItems(items []Item) {
	slices.SortFunc(items, func(a, b Item) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.UID, b.UID))
	})
}

// pack writes items as a manifest.
func pack(items []Item) ([]byte, error) {
	raw := binary.AppendUvarint(nil, uint64(len(items)))
	for _, text := range manifestTexts {
		previous := ""
		for i := range items {
			raw, previous = appendShared(raw, previous, *text(&items[i])), *text(&items[i])
		}
	}
	for i := range items {
		raw = append(raw, items[i].flags())
	}
	for i := range items {
		raw = binary.AppendUvarint(raw, uint64(items[i].Bytes))
	}
	for i := range items {
		raw = items[i].appendRest(raw)
	}
	var packed bytes.Buffer
	packed.WriteByte(manifestVersion)
	w := takeDeflater(&packed)
	defer giveDeflaterBack(w)
	if _, err := w.Write(raw); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return packed.Bytes(), nil
}

func appendText(raw []byte, text string) []byte {
	return append(binary.AppendUvarint(raw, uint64(len(text))), text...)
}

// appendShared writes a text as what it adds to the one before.
func appendShared(raw []byte, previous, text string) []byte {
	n := 0
	for n < len(previous) && n < len(text) && previous[n] == text[n] {
		n++
	}
	return appendText(binary.AppendUvarint(raw, uint64(n)), text[n:])
}

func (it *Item) flags() byte {
	return byte(bit(it.Received)*flagReceived | bit(it.Stored)*flagStored | bit(it.Found)*flagFound |
		bit(it.ObjectUID == it.UID)*flagOwnUID | bit(isDigest(it.SHA256))*flagDigest | bit(it.Payload == nil)*flagNoPayload |
		bit(it.Archive != "")*flagArchive)
}

func isDigest(text string) bool {
	b, err := hex.DecodeString(text)
	return err == nil && len(b) == 32 && hex.EncodeToString(b) == text
}

// appendRest writes what the flags leave open.
func (it *Item) appendRest(raw []byte) []byte {
	flags := it.flags()
	if flags&flagOwnUID == 0 {
		raw = appendText(raw, it.ObjectUID)
	}
	if flags&flagDigest != 0 {
		digest, _ := hex.DecodeString(it.SHA256) // it was one a moment ago
		raw = append(raw, digest...)
	} else {
		raw = appendText(raw, it.SHA256)
	}
	if flags&flagNoPayload == 0 {
		raw = appendText(raw, string(it.Payload))
	}
	if flags&flagArchive != 0 {
		raw = appendText(raw, it.Archive)
	}
	return raw
}

// errManifest is returned for a manifest that is none.
var errManifest = errors.New("the manifest is damaged")

// unpack reads a manifest.
func unpack(manifest []byte) ([]Item, error) {
	if len(manifest) == 0 || manifest[0] != manifestVersion {
		return nil, errManifest
	}
	inflater := flate.NewReader(bytes.NewReader(manifest[1:]))
	raw, err := io.ReadAll(io.LimitReader(inflater, manifestLimit))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errManifest, err)
	}
	r := manifestReader{raw: raw}
	n := r.number()
	if n > uint64(len(raw)) {
		return nil, errManifest
	}
	items, flags := make([]Item, n), make([]byte, n)
	for _, text := range manifestTexts {
		previous := ""
		for i := range items {
			previous = r.shared(previous)
			*text(&items[i]) = previous
		}
	}
	copy(flags, r.bytes(n))
	for i := range items {
		items[i].Bytes = int64(r.number())
	}
	for i := range items {
		items[i].readRest(&r, flags[i])
	}
	if r.broken || len(r.raw) > 0 {
		return nil, errManifest
	}
	return items, nil
}

func (it *Item) readRest(r *manifestReader, flags byte) {
	it.Received, it.Stored, it.Found = flags&flagReceived != 0, flags&flagStored != 0, flags&flagFound != 0
	if it.ObjectUID = it.UID; flags&flagOwnUID == 0 {
		it.ObjectUID = r.text()
	}
	if flags&flagDigest != 0 {
		it.SHA256 = hex.EncodeToString(r.bytes(32))
	} else {
		it.SHA256 = r.text()
	}
	if flags&flagNoPayload == 0 {
		it.Payload = append([]byte{}, r.bytes(r.number())...)
	}
	if flags&flagArchive != 0 {
		it.Archive = r.text()
	}
}

// manifestReader reads values until one is not there; then it is broken, and
// gives nothing any more.
type manifestReader struct {
	raw    []byte
	broken bool
}

func (r *manifestReader) number() uint64 {
	v, n := binary.Uvarint(r.raw)
	if n <= 0 {
		r.raw, r.broken = nil, true
		return 0
	}
	r.raw = r.raw[n:]
	return v
}

func (r *manifestReader) bytes(n uint64) []byte {
	if n > uint64(len(r.raw)) {
		r.raw, r.broken = nil, true
		return nil
	}
	b := r.raw[:n]
	r.raw = r.raw[n:]
	return b
}

func (r *manifestReader) text() string { return string(r.bytes(r.number())) }

func (r *manifestReader) shared(previous string) string {
	n := r.number()
	if n > uint64(len(previous)) {
		r.raw, r.broken = nil, true
		return ""
	}
	return previous[:n] + r.text()
}

// rest puts the items of a study, which are all proven or skipped, into its
// manifest in place of their rows.
func rest(ctx context.Context, tx *tx, studyID int64, items []Item, rows int) error {
	if rows > 0 {
		if _, err := tx.ExecContext(ctx, `DELETE FROM items WHERE study_id = $1`, studyID); err != nil {
			return err
		}
	}
	if len(items) == 0 {
		return nil
	}
	manifest, err := pack(items)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO manifests (study_id, items) VALUES ($1, $2)`, studyID, manifest)
	return err
}

// rouse makes rows of a study's manifest again, for a study that goes on its way
// once more.
func rouse(ctx context.Context, tx *tx, studyID int64) error {
	items, err := readManifest(ctx, tx, studyID)
	if err != nil || len(items) == 0 {
		return err
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM manifests WHERE study_id = $1`, studyID); err != nil {
		return err
	}
	return writeItems(ctx, tx, studyID, items, replaceItem)
}

// readManifest returns the items that rest, none where there is no manifest.
func readManifest(ctx context.Context, q querier, studyID int64) ([]Item, error) {
	var manifest []byte
	err := q.QueryRowContext(ctx, `SELECT items FROM manifests WHERE study_id = $1`, studyID).Scan(&manifest)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return unpack(manifest)
}
