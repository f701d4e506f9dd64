package bridge_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"pacsbridge/bridge"
	"pacsbridge/staging"
)

// faulty is a program fault in the middle of a journey.
type faulty struct{}

func (faulty) Instances(context.Context, string) ([]bridge.Listed, error) { panic("a fault of ours") }

func TestAFaultOfTheProgramEndsOneStudyAlone(t *testing.T) {
	x := cross(t, 2)
	sound := x.migrator.Verify.New
	x.migrator.Verify.New = faulty{}
	check(t, x.run())
	failed := must(x.db.Failed(t.Context(), staging.Scope{}))(t)
	if len(failed) != 2 {
		t.Fatalf("%d studies failed, want both", len(failed))
	}
	for _, f := range failed {
		if f.Class != staging.Internal || !strings.Contains(f.Reason, "a fault of ours") {
			t.Errorf("failed with %s: %s", f.Class, f.Reason)
		}
	}
	x.migrator.Verify.New = sound
	check(t, x.run())
	x.wantAll()
}

func TestAStudyThatWasTakenBackTooOftenFails(t *testing.T) {
	x := cross(t, 1)
	ctx := t.Context()
	if _, err := x.stock.Range(ctx, january(1), january(31)); err != nil {
		t.Fatal(err)
	}
	check(t, x.queue.Stop(ctx))
	uid := x.old.Instances()[0].StudyUID
	for range 3 {
		must(x.db.Feed(ctx, staging.FeedOptions{Node: "other", Room: 1}))(t)
		study, _, err := x.db.Study(ctx, uid)
		check(t, err)
		must(x.db.Claim(ctx, study.ID, "other", time.Minute))(t)
		if n := must(x.db.Expire(ctx, -time.Second))(t); n != 1 {
			t.Fatalf("%d studies expired, want 1", n)
		}
	}
	must(x.db.Feed(ctx, staging.FeedOptions{Node: "test", Room: 1}))(t)
	study, _, err := x.db.Study(ctx, uid)
	check(t, err)
	check(t, x.migrator.Migrate(ctx, study.ID))
	study, _, err = x.db.Study(ctx, uid)
	check(t, err)
	if study.State != staging.Failed || study.Class != staging.Timeout || !strings.Contains(study.Reason, "in work for too long") {
		t.Errorf("study is %s, %s: %s", study.State, study.Class, study.Reason)
	}
}
