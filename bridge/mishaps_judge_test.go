package bridge_test

import (
	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/dimsetest"
	"pacsbridge/dimse/uid"
	"pacsbridge/staging"
)

// wantAttachments demands of each attachment that it is at NEW as it was, or
// failed with its class, and that the ledger says what is true.
func (x *crossing) wantAttachments(rows map[string][]legacyRow) {
	x.t.Helper()
	x.status()
	outcomes := map[string]int{}
	for study, attachments := range rows {
		guilty := false
		for _, row := range attachments {
			guilty = guilty || row.class != ""
		}
		_, items, err := x.db.Study(x.t.Context(), study)
		check(x.t, err)
		found := map[string]staging.Item{}
		for _, it := range items {
			if it.Kind == staging.Attachment {
				found[it.UID] = it
			}
		}
		for _, row := range attachments {
			outcomes[x.judge(row, found[row.key], guilty)]++
		}
	}
	x.t.Log(outcomes)
	if outcomes["done"] == 0 || outcomes["failed"] == 0 {
		x.t.Error("the test has proven nothing")
	}
}

// judge looks at one attachment and says what became of it.
func (x *crossing) judge(row legacyRow, it staging.Item, guiltyStudy bool) string {
	x.t.Helper()
	switch {
	case row.class != "":
		if it.State != staging.ItemFailed || it.Class != row.class || it.Reason == "" {
			x.t.Errorf("%s (%s): %s, %s (%s), want failed with %s", row.key, row.location, it.State, it.Class, it.Reason, row.class)
		}
		return "failed"
	case guiltyStudy:
		if it.State != staging.ItemFailed {
			x.t.Errorf("%s: %s, though its study lacks something", row.key, it.State)
		}
		return "failed with its study"
	}
	if it.State != staging.ItemDone || it.SHA256 != row.digest {
		x.t.Errorf("%s (%s): %s, %s (%s)", row.key, row.location, it.State, it.Class, it.Reason)
		return "lost"
	}
	if got := x.documentAt(it.ObjectUID); got != "" && got != row.digest {
		x.t.Errorf("%s: the document at NEW is %s, want %s", row.key, got, row.digest)
	}
	return "done"
}

// documentAt is the digest of the document in an object at NEW; empty for one of
// which NEW in the test keeps only the beginning.
func (x *crossing) documentAt(object string) string {
	x.t.Helper()
	o, there := x.atNew()[object]
	if !there {
		x.t.Errorf("object %s is not at NEW", object)
		return "nothing"
	}
	if int64(len(o.Data)) != o.Size {
		return ""
	}
	set := must(dataset.Decode(o.Data, o.TransferSyntax))(x.t)
	length, _ := set.Int(dataset.Tag(0x00420015))
	document, found := set.Lookup(dataset.Tag(0x00420011))
	if o.SOPClass != uid.EncapsulatedPDF || !found || length > len(document.Value) {
		x.t.Errorf("object %s holds no document", object)
		return "nothing"
	}
	return digestOf(document.Value[:length])
}

// atNew are the objects of NEW by their UIDs.
func (x *crossing) atNew() map[string]dimsetest.Object {
	if x.objects == nil {
		x.objects = map[string]dimsetest.Object{}
		for _, o := range x.new.Instances() {
			x.objects[o.SOPInstance] = o
		}
	}
	return x.objects
}
