package staging

import (
	"context"
	"strings"
)

// tally is how many items a study has, by kind and by how far they came: the
// columns that the row of a study keeps of its items.
type tally [len(tallyColumns)]int64

// tallyColumns name the columns, in the order of a tally.
var tallyColumns = [...]string{
	"instances", "instances_done", "instances_failed", "instances_skipped",
	"instances_received", "instances_stored", "instances_found",
	"records", "records_done", "records_failed", "records_skipped",
	"attachments", "attachments_done", "attachments_failed", "attachments_skipped",
	"bytes_done",
}

// Where a tally counts what.
const (
	tallyInstances   = 0
	tallyReceived    = 4
	tallyRecords     = 7
	tallyAttachments = 11
	tallyBytes       = 15
)

// tallyNames are the columns as a list.
var tallyNames = strings.Join(tallyColumns[:], ", ")

// countItems counts the items of a study anew, from their rows.
const countItems = `SELECT count(*) FILTER (WHERE kind = 'instance'),
	count(*) FILTER (WHERE kind = 'instance' AND state = 'done'),
	count(*) FILTER (WHERE kind = 'instance' AND state = 'failed'),
	count(*) FILTER (WHERE kind = 'instance' AND state = 'skipped'),
	count(*) FILTER (WHERE kind = 'instance' AND state <> 'skipped' AND received = 1),
	count(*) FILTER (WHERE kind = 'instance' AND state <> 'skipped' AND stored = 1),
	count(*) FILTER (WHERE kind = 'instance' AND state <> 'skipped' AND found = 1),
	count(*) FILTER (WHERE kind = 'record'),
	count(*) FILTER (WHERE kind = 'record' AND state = 'done'),
	count(*) FILTER (WHERE kind = 'record' AND state = 'failed'),
	count(*) FILTER (WHERE kind = 'record' AND state = 'skipped'),
	count(*) FILTER (WHERE kind = 'attachment'),
	count(*) FILTER (WHERE kind = 'attachment' AND state = 'done'),
	count(*) FILTER (WHERE kind = 'attachment' AND state = 'failed'),
	count(*) FILTER (WHERE kind = 'attachment' AND state = 'skipped'),
	COALESCE(sum(CASE WHEN state = 'done' THEN bytes ELSE 0 END), 0)
	FROM items WHERE items.study_id = `

// recounted sets a study's tally to what its rows say.
var recounted = "(" + tallyNames + ") = (" + countItems + "studies.id)"

// recount does so for the studies that a condition means.
func recount(ctx context.Context, tx *tx, condition string, args ...any) error {
	_, err := tx.ExecContext(ctx, `UPDATE studies SET `+recounted+` WHERE `+condition, args...)
	return err
}

// add counts an item, or takes it out with -1.
func (t *tally) add(it Item, times int64) {
	at := map[ItemKind]int{Instance: tallyInstances, Record: tallyRecords, Attachment: tallyAttachments}[it.Kind]
	t[at] += times
	switch it.State {
	case ItemDone:
		t[at+1] += times
		t[tallyBytes] += times * it.Bytes
	case ItemFailed:
		t[at+2] += times
	case ItemSkipped:
		t[at+3] += times
		return
	}
	if it.Kind != Instance {
		return
	}
	for i, far := range []bool{it.Received, it.Stored, it.Found} {
		if far {
			t[tallyReceived+i] += times
		}
	}
}

// tallyOf counts items.
func tallyOf(items []Item) tally {
	var t tally
	for _, it := range items {
		t.add(it, 1)
	}
	return t
}

// changes are what an UPDATE sets to add to a study's tally.
func (t tally) changes(q *query) (set []string) {
	for i, n := range t {
		if n != 0 {
			set = append(set, tallyColumns[i]+" = "+tallyColumns[i]+" + "+q.arg(n))
		}
	}
	return set
}

// values are what an UPDATE sets to replace a study's tally.
func (t tally) values(q *query) (set []string) {
	for i, n := range t {
		set = append(set, tallyColumns[i]+" = "+q.arg(n))
	}
	return set
}
