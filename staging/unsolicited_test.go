package staging_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pacsbridge/staging"
)

// unasked are instances that came to a node without being asked for.
func unasked(studyUID string, n int) []staging.Item {
	items := instances(studyUID, n)
	for i := range items {
		items[i].Payload = []byte(`{"from":"MODALITY"}`)
	}
	return items
}

func TestWhatCameUnaskedIsAStudyOfItsNodeAlone(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		must(t, l.Join(l.ctx, node, study(1), unasked("1.2.1", 2)))
		if n := l.feed(t, staging.FeedOptions{Node: "node-2"}); n != 0 {
			t.Errorf("another node queued %d studies", n)
		}
		s, _ := l.study(t, "1.2.1")
		if s.Origin != staging.Unsolicited || s.Holder != node || s.ListedInstances != -1 || s.Date == "" {
			t.Errorf("the study is %+v", s)
		}
		l.feed(t, staging.FeedOptions{})
		_, err := l.Claim(l.ctx, s.ID, "node-2", lease)
		mustBe(t, err, staging.ErrNotClaimable)
		mustBe(t, l.Join(l.ctx, node, study(1), unasked("1.2.1", 3)), staging.ErrInHand)
		c, err := l.Claim(l.ctx, s.ID, node, lease)
		must(t, err)
		must(t, l.migrate(c, nil))
		s, items := l.study(t, "1.2.1")
		if s.State != staging.Migrated || s.Holder != "" || string(items[0].Payload) != `{"from":"MODALITY"}` {
			t.Errorf("at its end the study is %+v with %+v", s, items)
		}
		n, err := l.UnsolicitedStudies(l.ctx, staging.Scope{From: s.Date, To: s.Date})
		must(t, err)
		if diff := cmp.Diff(staging.UnsolicitedCounts{Studies: 1, Migrated: 1}, n); diff != "" {
			t.Error(diff)
		}
		must(t, l.Settle(l.ctx))
		l.audit(t)
	})
}

func TestWhatCameUnaskedJoinsItsStudy(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		l.stage(t, study(1))
		must(t, l.migrate(l.claim(t, "1.2.1"), instances("1.2.1", 2)))
		must(t, l.Join(l.ctx, node, study(1), unasked("1.2.1", 3)[2:]))
		s, items := l.study(t, "1.2.1")
		if s.State != staging.ToMigrate || s.Holder != node || s.Origin != staging.Inventoried || len(items) != 3 {
			t.Fatalf("the study is %+v with %d items", s, len(items))
		}
		if items[0].State != staging.ItemDone || items[2].State != staging.ItemPending {
			t.Errorf("its items are %+v", items)
		}
		mustBe(t, l.Join(l.ctx, "node-2", study(1), unasked("1.2.1", 4)[3:]), staging.ErrInHand)
		c := l.claim(t, "1.2.1")
		must(t, c.Fail(l.ctx, staging.TargetRefused, "no"))
		must(t, l.Join(l.ctx, node, study(1), unasked("1.2.1", 4)[3:]))
		if s, items = l.study(t, "1.2.1"); s.State != staging.ToMigrate || items[2].State != staging.ItemPending {
			t.Errorf("after it had failed: %+v with %+v", s, items)
		}
		l.audit(t)
	})
}

func TestAStudyThatCameUnaskedGrowsWhenOldListsIt(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		must(t, l.Join(l.ctx, node, study(1), unasked("1.2.1", 5)))
		must(t, l.migrate(l.claim(t, "1.2.1"), nil))
		if staged := l.stage(t, study(1)); staged.Reopened != 1 { // OLD lists two
			t.Errorf("staged %+v, want it reopened", staged)
		}
		s, _ := l.study(t, "1.2.1")
		if s.ListedInstances != 2 || s.Origin != staging.Unsolicited {
			t.Errorf("the study is %+v", s)
		}
	})
}

func TestTheReportTellsHowAnInstanceCame(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		must(t, l.Join(l.ctx, node, study(1), unasked("1.2.1", 1)))
		for range 2 { // as rows, and at rest
			for line, err := range l.Report(l.ctx, staging.Scope{}) {
				must(t, err)
				var passage struct{ From string }
				must(t, json.Unmarshal(line.Passage, &passage))
				if line.Origin != staging.Unsolicited || passage.From != "MODALITY" {
					t.Errorf("the report says %+v", line)
				}
			}
			if s, _ := l.study(t, "1.2.1"); s.State != staging.Migrated {
				must(t, l.migrate(l.claim(t, "1.2.1"), nil))
			}
		}
	})
}
