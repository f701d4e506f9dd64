package bridge_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"pacsbridge/bridge"
	"pacsbridge/dimse"
	"pacsbridge/dimse/dimsetest"
	"pacsbridge/staging"
)

func (x *crossing) registrar() *bridge.Registrar {
	return &bridge.Registrar{Books: x.db, New: peer("new", x.new, x.migrator.Logger), Chain: x.db, OldAE: "OLDPACS", NewAE: "NEWPACS",
		Clock: func() time.Time { return time.Date(2026, 2, 3, 4, 5, 6, 7, time.UTC) }}
}

// studies lists the studies that OLD holds.
func (x *crossing) studies() []string {
	var uids []string
	seen := map[string]bool{}
	for _, o := range x.old.Instances() {
		if !seen[o.StudyUID] {
			seen[o.StudyUID] = true
			uids = append(uids, o.StudyUID)
		}
	}
	return uids
}

func TestACertificateProvesEveryInstanceOfAStudy(t *testing.T) {
	x := cross(t, 3)
	x.new.SetFaults(dimsetest.Faults{Store: dimsetest.StoreFaults{Status: func(string, int) dimse.Status { return dimse.StatusCoercion }}})
	check(t, x.run())
	registrar := x.registrar()
	var previous string
	for i, study := range x.studies() {
		issued := must(registrar.Certify(t.Context(), study))(t)
		c, digest, err := bridge.ReadCertificate(issued.Document)
		check(t, err)
		if c.Number != i+1 || c.Previous != previous || digest != issued.SHA256 {
			t.Errorf("certificate %d after %q with digest %s, want %d after %q with %s", c.Number, c.Previous, digest, i+1, previous, issued.SHA256)
		}
		previous = digest
		n := 0
		for _, o := range x.old.Instances() {
			if o.StudyUID == study {
				n++
			}
		}
		if want := (bridge.Proof{Expected: n, Received: n, Stored: n, Found: n}); c.Instances != want || len(c.Items) != n {
			t.Errorf("study %s: %+v and %d items, want %+v", study, c.Instances, len(c.Items), want)
		}
		for _, it := range c.Items {
			if it.SHA256 != x.old.Digests()[it.UID] || it.Bytes == 0 || it.SOPClassName == "" || it.Syntax == "" {
				t.Errorf("item %+v, want digest %s", it, x.old.Digests()[it.UID])
			}
			if it.Warning != "stored with warning B000" {
				t.Errorf("warning %q", it.Warning)
			}
		}
	}
}

func TestOnlyAWholeStudyGetsACertificate(t *testing.T) {
	x := cross(t, 2)
	var refused *bridge.UncertifiedError
	check(t, ignore(x.stock.Range(t.Context(), january(1), january(31))))
	study := x.studies()[0]
	if _, err := x.registrar().Certify(t.Context(), study); !errors.As(err, &refused) || !strings.Contains(err.Error(), "to-migrate") {
		t.Errorf("a study that waits: %v", err)
	}
	check(t, x.run())
	lost := x.new.Instances()[0]
	x.new.Remove(lost.SOPInstance)
	if _, err := x.registrar().Certify(t.Context(), lost.StudyUID); !errors.As(err, &refused) || !strings.Contains(err.Error(), lost.SOPInstance) {
		t.Errorf("a study that NEW lost something of: %v", err)
	}
	if _, err := x.registrar().Certify(t.Context(), "1.2.3"); !errors.Is(err, staging.ErrNotFound) {
		t.Errorf("a study that is not in the ledger: %v", err)
	}
	for c := range x.db.Certificates(t.Context()) {
		t.Errorf("certificate %d was issued", c.Number)
	}
}

func TestWhatNewHasBesideIsOnTheCertificate(t *testing.T) {
	x := cross(t, 1)
	beside := x.old.Instances()[0]
	x.old.Remove(beside.SOPInstance)
	check(t, x.run())
	check(t, x.new.Add(beside))
	issued := must(x.registrar().Certify(t.Context(), beside.StudyUID))(t)
	c, _, err := bridge.ReadCertificate(issued.Document)
	check(t, err)
	if len(c.Extra) != 1 || c.Extra[0] != beside.SOPInstance {
		t.Errorf("beside: %v", c.Extra)
	}
}

func TestTheChainIsCheckedFromItsDocuments(t *testing.T) {
	x := cross(t, 4)
	check(t, x.run())
	var documents []string
	for _, study := range x.studies() {
		documents = append(documents, string(must(x.registrar().Certify(t.Context(), study))(t).Document))
	}
	swap := func(from, to string) func(string) string {
		return func(text string) string { return strings.Replace(text, from, to, 1) }
	}
	tests := []struct {
		name   string
		change func([]string) []string
		faults int
		want   string
	}{
		{"whole", func(d []string) []string { return d }, 0, ""},
		{"in another order", func(d []string) []string { return []string{d[3], d[1], d[0], d[2]} }, 0, ""},
		{"one twice", func(d []string) []string { return append(d, d[2]) }, 0, ""},
		{"one is missing", func(d []string) []string { return []string{d[0], d[2], d[3]} }, 1, "others are missing"},
		{"one was changed", func(d []string) []string {
			d[1] = swap(`"verified": "2026-02-03T04`, `"verified": "2026-02-03T05`)(d[1])
			return d
		}, 1, "does not follow"},
		{"two of one number", func(d []string) []string { return append(d, swap("OLDPACS", "OTHER")(d[3])) }, 1, "both certificate 4"},
		{"an item was taken out", func(d []string) []string {
			var c bridge.Certificate
			check(t, json.Unmarshal([]byte(d[1]), &c))
			c.Items = c.Items[1:]
			text, _ := json.Marshal(c)
			d[1] = string(text)
			return d
		}, 2, "do not agree"},
		{"one says more", func(d []string) []string { d[0] = swap("{", `{"note": "x",`)(d[0]); return d }, 2, "unknown field"},
		{"something follows", func(d []string) []string { d[0] += "{}"; return d }, 2, "follows it"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var links []bridge.Link
			var faults []error
			for i, document := range tt.change(append([]string(nil), documents...)) {
				link, err := bridge.ReadLink(string(rune('a'+i)), []byte(document))
				if err != nil {
					faults = append(faults, err)
				}
				if link.Number > 0 {
					links = append(links, link)
				}
			}
			faults = append(faults, bridge.CheckChain(links)...)
			if err := errors.Join(faults...); (len(faults) > 0) != (tt.faults > 0) || tt.want != "" && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("faults: %v, want %q", faults, tt.want)
			}
		})
	}
}

func ignore[T any](_ T, err error) error { return err }
