package main

import (
	"path/filepath"
	"strings"
	"testing"

	"pacsbridge/dimse/dimsetest"
	"pacsbridge/staging"
)

// newCommittingLab has an Orthanc as its new PACS, which reports commitment on an
// association of its own, and knows us for it or not.
func newCommittingLab(t *testing.T, known bool) (*lab, *dimsetest.Orthanc) {
	t.Helper()
	l := newLab(t, 4)
	var modalities []dimsetest.Peer
	if known {
		modalities = []dimsetest.Peer{{AE: "PACSBRIDGE", Address: l.own}}
	}
	new := dimsetest.StartOrthanc(t, dimsetest.OrthancOptions{AE: "NEWPACS", Modalities: modalities})
	l.edit(l.new.Peer().Address, new.Address)
	return l, new
}

func TestOrthancCommitsToWhatItWasSent(t *testing.T) {
	t.Parallel()
	l, _ := newCommittingLab(t, true)
	l.edit("new: {", "new: {commitment: require, ")
	l.run(exitOK, "check")
	l.run(exitOK, january...)
	l.committed(4)
	if _, stderr := l.run(exitOK, january...); strings.Contains(stderr, "study migrated") {
		t.Errorf("the second run migrated something again:\n%s", stderr)
	}
}

func TestOrthancCommitsOnTheSide(t *testing.T) {
	t.Parallel()
	l, _ := newCommittingLab(t, true)
	l.run(exitOK, january...)
	l.committed(4)
}

func TestOrthancThatDoesNotKnowUsIsNoHindranceOnTheSide(t *testing.T) {
	t.Parallel()
	l, _ := newCommittingLab(t, false)
	l.run(exitOK, january...)
	if out, _ := l.run(exitOK, "status", "--json"); !strings.Contains(out, `"migrated":4`) {
		t.Errorf("status %s, want 4 studies migrated", out)
	}
}

// committed demands that NEW has committed to every object of so many studies.
func (l *lab) committed(studies int) {
	l.t.Helper()
	db, err := staging.Open(l.t.Context(), staging.Options{URL: "sqlite:" + filepath.Join(l.dir, "staging.db")})
	if err != nil {
		l.t.Fatal(err)
	}
	defer db.Close()
	n := 0
	for s, err := range db.Studies(l.t.Context(), staging.Scope{}) {
		if err != nil {
			l.t.Fatal(err)
		}
		_, items, err := db.Study(l.t.Context(), s.UID)
		if err != nil {
			l.t.Fatal(err)
		}
		requests, err := db.Commitments(l.t.Context(), s.UID)
		if err != nil {
			l.t.Fatal(err)
		}
		committed := 0
		for _, c := range requests {
			committed += c.Committed
		}
		if committed != len(items) || s.State != staging.Migrated {
			l.t.Errorf("study %s (%s): %d of %d objects are committed to: %+v", s.UID, s.State, committed, len(items), requests)
		}
		n++
	}
	if n != studies {
		l.t.Errorf("%d studies, want %d", n, studies)
	}
}
