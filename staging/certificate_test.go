package staging_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"testing"

	"pacsbridge/staging"
)

func (l *ledger) certify(t *testing.T, studyUID string) staging.Certificate {
	t.Helper()
	c, err := l.Certify(l.ctx, studyUID, func(number int, previous string) ([]byte, error) {
		return fmt.Appendf(nil, "%d %s after %q", number, studyUID, previous), nil
	})
	must(t, err)
	return c
}

func TestCertificatesMakeAChain(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		var previous string
		for i, study := range []string{"1.2.1", "1.2.2", "1.2.1"} {
			c := l.certify(t, study)
			digest := sha256.Sum256(c.Document)
			if c.Number != i+1 || c.Previous != previous || c.SHA256 != hex.EncodeToString(digest[:]) || c.StudyUID != study {
				t.Errorf("certificate %d: %+v, previous %q", i+1, c, previous)
			}
			previous = c.SHA256
		}
		n := 0
		for c, err := range l.Certificates(l.ctx) {
			must(t, err)
			if n++; c.Number != n || len(c.Document) == 0 || c.IssuedAt.IsZero() {
				t.Errorf("certificate %d of the chain is %+v", n, c)
			}
		}
		last, err := l.Certificate(l.ctx, "1.2.1")
		must(t, err)
		if n != 3 || last.Number != 3 {
			t.Errorf("%d certificates, the last of the first study has number %d", n, last.Number)
		}
		if _, err := l.Certificate(l.ctx, "1.2.9"); !errors.Is(err, staging.ErrNotFound) {
			t.Errorf("certificate of a study that has none: %v", err)
		}
	})
}

func TestTheChainIsOnlyAppendedTo(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		first := l.certify(t, "1.2.1")
		l.certify(t, "1.2.2")
		digest := hex.EncodeToString(make([]byte, 32))
		for _, statement := range []string{
			`UPDATE certificates SET study_uid = '1.2.3' WHERE number = 1`,
			`DELETE FROM certificates WHERE number = 2`,
			`INSERT INTO certificates VALUES (4, '1.2.3', '` + first.SHA256 + `', '` + digest + `', '', 1)`,
			`INSERT INTO certificates VALUES (3, '1.2.3', '` + first.SHA256 + `', '` + digest + `', '', 1)`,
		} {
			if err := l.Exec(l.ctx, statement); err == nil {
				t.Errorf("the chain allowed: %s", statement)
			}
		}
		if c := l.certify(t, "1.2.3"); c.Number != 3 {
			t.Errorf("the next certificate has number %d", c.Number)
		}
	})
}

func TestACertificateThatCannotBeWrittenLeavesNoGap(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		trouble := errors.New("no ink")
		_, err := l.Certify(l.ctx, "1.2.1", func(int, string) ([]byte, error) { return nil, trouble })
		if !errors.Is(err, trouble) {
			t.Errorf("error %v, want %v", err, trouble)
		}
		if c := l.certify(t, "1.2.1"); c.Number != 1 || c.Previous != "" {
			t.Errorf("the first certificate is %+v", c)
		}
	})
}

func TestAReopenedStudySendsWhatWasLostAndNothingElse(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		l.fill(t)
		again, err := l.Reopen(l.ctx, "1.2.1", []string{instances("1.2.1", 2)[1].UID, "1.9.9"})
		must(t, err)
		study, items, err := l.Study(l.ctx, "1.2.1")
		must(t, err)
		if !again || study.State != staging.ToMigrate || study.Attempts != 0 {
			t.Errorf("reopened %v, the study is %+v", again, study)
		}
		lost := 0
		for _, it := range items {
			switch {
			case it.State == staging.ItemPending && !it.Stored && !it.Found:
				lost++
			case it.State != staging.ItemDone || !it.Found:
				t.Errorf("item %+v", it)
			}
		}
		if lost != 1 {
			t.Errorf("%d items go again, want 1", lost)
		}
		for _, uid := range []string{"1.2.2", "1.2.3", "1.9.9"} {
			if again, err := l.Reopen(l.ctx, uid, nil); again || err != nil {
				t.Errorf("study %s, which is not migrated: reopened %v, %v", uid, again, err)
			}
		}
		must(t, l.Audit(l.ctx))
	})
}
