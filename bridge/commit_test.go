package bridge_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"

	"pacsbridge/bridge"
	"pacsbridge/dimse"
	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/dimsetest"
	"pacsbridge/staging"
	"pacsbridge/staging/pgtest"
)

// reports hands what NEW reports to whoever asks for commitment at the time; ae is
// who may report.
func (x *crossing) reports(ae string) dimse.CommitResults {
	return func(ctx context.Context, r dimse.Request, result dimse.CommitResult) error {
		if x.commit == nil {
			return errors.New("nobody asks for commitment")
		}
		return x.commit.Results(ae)(ctx, r, result)
	}
}

// commits makes the crossing ask for storage commitment.
func (x *crossing) commits(o bridge.CommitterOptions) {
	x.t.Helper()
	new := x.migrator.Deliver.New.(*bridge.Peer)
	o.New, o.Book, o.Studies, o.Logger = new, x.db, x.db, x.migrator.Logger
	if o.Answer == 0 {
		o.Answer = 2 * time.Second
	}
	x.commit = bridge.NewCommitter(o)
	x.migrator.Verify.Commit = x.commit
	new.Dialer.Events = x.reports("")
	x.new.AddDestination(ourAE, x.address)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func(k *bridge.Committer) {
		defer close(ended)
		k.Run(ctx)
	}(x.commit)
	x.t.Cleanup(func() {
		stop()
		<-ended
	})
}

func (x *crossing) commitments(studyUID string) []staging.Commitment {
	x.t.Helper()
	return must(x.db.Commitments(x.t.Context(), studyUID))(x.t)
}

// failing gives a failure reason for the victim, so many times.
func failing(x *crossing, reason dimse.Status, times int) func(string, int) dimse.Status {
	uid := victim(x)
	return func(sopInstance string, n int) dimse.Status {
		if sopInstance == uid && n <= times {
			return reason
		}
		return dimse.StatusSuccess
	}
}

func TestStorageCommitmentIsRequired(t *testing.T) {
	type faults = dimsetest.CommitFaults
	required := func(o bridge.CommitterOptions, f func(x *crossing) faults) func(x *crossing) {
		return func(x *crossing) {
			o.Require = true
			x.commits(o)
			x.new.SetFaults(dimsetest.Faults{Commit: f(x)})
		}
	}
	quick := bridge.CommitterOptions{Answer: 20 * time.Millisecond, Patience: 400 * time.Millisecond}
	asksAgain := bridge.CommitterOptions{Answer: 20 * time.Millisecond, Patience: 4 * slowdown * time.Second} // a quarter of it must pass first
	meet(t, []mode{
		{name: "commitment on the same association", arrange: required(bridge.CommitterOptions{}, func(*crossing) faults { return faults{} }),
			check: allSettled},
		{name: "commitment on a new association", check: allSettled,
			arrange: required(bridge.CommitterOptions{}, func(*crossing) faults { return faults{OwnAssociation: true} })},
		{name: "commitment reported twice", check: allSettled,
			arrange: required(bridge.CommitterOptions{}, func(*crossing) faults { return faults{Twice: true} })},
		{name: "commitment in part", check: allSettled, arrange: required(asksAgain, func(x *crossing) faults {
			return faults{Leave: dimsetest.First(1, dimsetest.Only(victim(x)))}
		})},
		{name: "commitment late", check: allSettled,
			arrange: required(bridge.CommitterOptions{Answer: 10 * time.Millisecond}, func(x *crossing) faults {
				hold := make(chan struct{})
				timer := time.AfterFunc(150*time.Millisecond, func() { close(hold) })
				x.t.Cleanup(func() { timer.Stop() })
				return faults{Hold: hold}
			})},
		{name: "commitment never", class: staging.Timeout, victims: all,
			arrange: required(quick, func(*crossing) faults { return faults{Never: true} })},
		{name: "commitment fails once, not held", check: func(x *crossing) {
			allSettled(x)
			wantSends(2)(x)
		}, arrange: required(bridge.CommitterOptions{}, func(x *crossing) faults {
			return faults{Fail: failing(x, dimse.StatusNoSuchInstance, 1)}
		})},
		{name: "commitment fails for ever, not held", class: staging.Mismatch, check: wantSends(3),
			arrange: required(bridge.CommitterOptions{}, func(x *crossing) faults {
				return faults{Fail: failing(x, dimse.StatusNoSuchInstance, always)}
			})},
		{name: "commitment fails for want of room, once", check: func(x *crossing) {
			allSettled(x)
			wantSends(1)(x)
		}, arrange: required(bridge.CommitterOptions{}, func(x *crossing) faults {
			return faults{Fail: failing(x, dimse.StatusResourceLimitation, 1)}
		})},
		{name: "no commitment to this class", class: staging.TargetRefused, check: wantSends(1),
			arrange: required(bridge.CommitterOptions{}, func(x *crossing) faults {
				return faults{Fail: failing(x, dimse.StatusSOPClassNotSupported, always)}
			})},
		{name: "busy at first", check: allSettled, arrange: required(bridge.CommitterOptions{}, func(*crossing) faults {
			return faults{Refuse: dimsetest.RefuseFirst(2, dimse.StatusResourceLimitation)}
		})},
	})
}

// allSettled demands that all arrived and that each object was committed to.
func allSettled(x *crossing) {
	x.wantAll()
	for _, s := range studiesOf(x.old) {
		committed := 0
		for _, c := range x.commitments(s) {
			if c.State != staging.CommitmentSettled {
				x.t.Errorf("commitment %+v is not settled", c)
			}
			committed = max(committed, c.Committed)
		}
		if committed == 0 {
			x.t.Errorf("study %s: nothing is committed to", s)
		}
	}
}

func TestARequiredCommitmentThatIsNotOfferedStopsTheRun(t *testing.T) {
	t.Parallel()
	x := cross(t, 2)
	x.commits(bridge.CommitterOptions{Require: true})
	x.new.SetFaults(dimsetest.Faults{Commit: dimsetest.CommitFaults{Refuse: dimsetest.RefuseFirst(always, dimse.StatusSOPClassNotSupported)}})
	err := x.run()
	var none *bridge.NoCommitmentError
	if !errors.As(err, &none) {
		t.Fatalf("run ended with %v, want a NoCommitmentError", err)
	}
	check(t, x.queue.Stop(context.Background()))
	if s := x.status(); s.Studies.Failed+s.Studies.Migrated > 0 {
		t.Errorf("studies %+v, want all waiting", s.Studies)
	}
}

func TestAnAnswerThatComesAfterTheStudyWasGivenUpOpensItAgain(t *testing.T) {
	t.Parallel()
	x := cross(t, 1)
	x.commits(bridge.CommitterOptions{Require: true, Answer: 10 * time.Millisecond, Patience: 50 * time.Millisecond})
	x.new.SetFaults(dimsetest.Faults{Commit: dimsetest.CommitFaults{Never: true}})
	check(t, x.run())
	x.wantFailed(staging.Timeout, all(x)...)

	study := x.old.Instances()[0].StudyUID
	c := x.commitments(study)[0]
	report := dimse.CommitResult{TransactionUID: c.Transaction}
	for _, o := range c.Objects {
		report.Committed = append(report.Committed, dimse.Reference{SOPClass: o.SOPClass, SOPInstance: o.UID})
	}
	check(t, x.report("NEWPACS", report))
	check(t, x.workOff(t.Context()))
	allSettled(x)
}

// report tells our SCP the outcome of a transaction.
func (x *crossing) report(ae string, result dimse.CommitResult) error {
	x.t.Helper()
	dialer := dimse.Dialer{Address: x.address, CallingAE: ae, CalledAE: ourAE}
	a := must(dialer.Dial(x.t.Context(), []dimse.Proposal{dimse.CommitmentReports()}))(x.t)
	defer a.Release(x.t.Context())
	return a.ReportCommitment(x.t.Context(), result)
}

func TestARequestForCommitmentSurvivesARestart(t *testing.T) {
	t.Parallel()
	x := cross(t, 1)
	hold := make(chan struct{})
	x.new.SetFaults(dimsetest.Faults{Commit: dimsetest.CommitFaults{Hold: hold, OwnAssociation: true}})
	x.commits(bridge.CommitterOptions{Require: true, Answer: time.Millisecond})
	check(t, ignore(x.stock.Range(t.Context(), january(1), january(31))))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- x.workOff(ctx) }()
	study := x.old.Instances()[0].StudyUID
	x.eventually("it waits for its commitment in nobody's hand", func() bool {
		s, _, err := x.db.Study(t.Context(), study)
		return err == nil && !s.VerifyingSince.IsZero()
	})
	stop()
	<-ended
	check(t, x.queue.Stop(context.Background()))

	x.commits(bridge.CommitterOptions{Require: true, Answer: patience})
	close(hold)
	x.work(slog.New(slog.DiscardHandler))
	check(t, x.workOff(t.Context()))
	allSettled(x)
	if n := x.new.Counts().Commits; n != 1 {
		t.Errorf("commitment was requested %d times, want once", n)
	}
}

func TestStorageCommitmentOnTheSide(t *testing.T) {
	tests := []struct {
		name   string
		faults func(x *crossing) dimsetest.CommitFaults
		check  func(x *crossing)
	}{
		{"it is answered", func(*crossing) dimsetest.CommitFaults { return dimsetest.CommitFaults{} }, func(x *crossing) {
			x.commit.Drain(x.t.Context())
			allSettled(x)
		}},
		{"it is not offered", func(*crossing) dimsetest.CommitFaults {
			return dimsetest.CommitFaults{Refuse: dimsetest.RefuseFirst(always, dimse.StatusNoSuchClass)}
		}, func(x *crossing) {
			check(x.t, x.run())
			if n := x.new.Counts().Commits; n > 1 {
				x.t.Errorf("asked %d times", n)
			}
		}},
		{"it is never answered", func(*crossing) dimsetest.CommitFaults { return dimsetest.CommitFaults{Never: true} }, func(x *crossing) {}},
		{"what is lost is sent again", func(x *crossing) dimsetest.CommitFaults {
			return dimsetest.CommitFaults{Fail: failing(x, dimse.StatusNoSuchInstance, 1)}
		}, func(x *crossing) {
			x.sendAgain(2)
		}},
		{"what is lost for ever is sent again a few times", func(x *crossing) dimsetest.CommitFaults {
			return dimsetest.CommitFaults{Fail: failing(x, dimse.StatusNoSuchInstance, always)}
		}, func(x *crossing) {
			x.sendAgain(4)
		}},
		{"a failure to process is only told", func(x *crossing) dimsetest.CommitFaults {
			return dimsetest.CommitFaults{Fail: failing(x, dimse.StatusProcessingFailure, always)}
		}, func(x *crossing) {
			x.settled()
			check(x.t, x.run())
			wantSends(1)(x)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			x := cross(t, 3)
			x.commits(bridge.CommitterOptions{})
			x.new.SetFaults(dimsetest.Faults{Commit: tt.faults(x)})
			check(t, x.run())
			tt.check(x) // what NEW has lost may be on its way again by now
			x.wantAll()
		})
	}
}

// sendAgain runs until NEW was sent the victim so often, and once more: not oftener.
func (x *crossing) sendAgain(times int) {
	x.t.Helper()
	for deadline := time.Now().Add(patience); x.sends() < times && time.Now().Before(deadline); {
		x.settled() // an answer may come after it; the next look finds it
		check(x.t, x.run())
	}
	x.settled()
	check(x.t, x.run())
	wantSends(times)(x)
}

// settled waits until nothing is left to be done about the answers.
func (x *crossing) settled() {
	x.t.Helper()
	x.commit.Drain(x.t.Context())
	deadline := time.Now().Add(patience)
	for tick := time.NewTicker(5 * time.Millisecond); ; <-tick.C {
		refused := must(x.db.RefusedCommitments(x.t.Context(), 10))(x.t)
		if len(refused) == 0 {
			tick.Stop()
			return
		}
		if time.Now().After(deadline) {
			x.t.Fatalf("not settled: %+v", refused)
		}
	}
}

func TestACertificateNamesTheCommitments(t *testing.T) {
	t.Parallel()
	x := cross(t, 1)
	x.commits(bridge.CommitterOptions{Require: true})
	check(t, x.run())
	issued := must(x.registrar().Certify(t.Context(), studiesOf(x.old)[0]))(t)
	c, _, err := bridge.ReadCertificate(issued.Document)
	check(t, err)
	n := len(all(x))
	if len(c.Commitments) != 1 || c.Commitments[0].Committed != n || c.Commitments[0].Named != n || c.Commitments[0].Answered.IsZero() {
		t.Errorf("commitments %+v, want one of %d objects", c.Commitments, n)
	}
}

func TestManyObjectsAreAskedForInSeveralRequests(t *testing.T) {
	t.Parallel()
	x := cross(t, 0)
	check(t, x.old.Add(dimsetest.Study(5, dimsetest.StudyOptions{Date: "20260105", Instances: 12, Rows: 2})...))
	x.commits(bridge.CommitterOptions{Require: true, Most: 5})
	check(t, x.run())
	var named []int
	for _, c := range x.commitments(studiesOf(x.old)[0]) {
		named = append(named, c.Named)
	}
	if slices.Sort(named); !slices.Equal(named, []int{2, 5, 5}) {
		t.Errorf("requests named %v objects", named)
	}
	x.wantAll()
}

func TestOnlyTheNewPACSReportsCommitmentAndOnlyOfWhatWasAsked(t *testing.T) {
	t.Parallel()
	x := cross(t, 1)
	x.commits(bridge.CommitterOptions{})
	check(t, x.db.AskCommitment(t.Context(), "1.9.1", "1.2.3", []staging.CommitmentObject{{UID: "1.2.3.4"}}))
	report := dimse.CommitResult{TransactionUID: "1.9.1", Committed: []dimse.Reference{{SOPClass: "1.2", SOPInstance: "1.2.3.4"}}}
	var status *dimse.StatusError
	if err := x.report("OLDPACS", report); !errors.As(err, &status) || status.Status != dimse.StatusNotAuthorized {
		t.Errorf("a report of OLD: %v", err)
	}
	if c := x.commitments("1.2.3"); c[0].Committed != 0 {
		t.Error("the report of OLD counted")
	}
	report.TransactionUID = "1.9.2"
	if err := x.report("NEWPACS", report); !errors.As(err, &status) || status.Status != dimse.StatusInvalidArgument {
		t.Errorf("a report of an unknown transaction: %v", err)
	}
}

func TestNoCommitmentIsAskedForWhatStandsInTheArchiveAlone(t *testing.T) {
	t.Parallel()
	x := crossWithArchive(t, pgtest.Start(t))
	x.commits(bridge.CommitterOptions{Require: true})
	check(t, x.run())
	if s := x.status(); s.Studies.Migrated != 3 || s.Attachments.Migrated != 2 {
		t.Errorf("%+v, want all migrated", s)
	}
	page := x.item(staging.Attachment, "A2")
	for _, study := range studiesOf(x.old) {
		for _, row := range must(x.ask(keysOf("IMAGE", dataset.StudyInstanceUID, study), 0))(t) {
			if row.String(dataset.SOPInstanceUID) == page.ObjectUID {
				t.Error("what stands in the archive alone is told as an object of NEW")
			}
		}
	}
}
