package dimsetest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"pacsbridge/dimse"
	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/dimsetest"
	"pacsbridge/dimse/uid"
)

// crossing is an archive with one study, another one that it knows as the
// destination, and what a retrieve from one to the other shows.
type crossing struct {
	old, target *dimsetest.Archive
	objects     []dimsetest.Object
}

func newCrossing(t *testing.T, faults dimsetest.Faults) *crossing {
	t.Helper()
	c := &crossing{old: dimsetest.StartArchive(t, "OLDPACS"), target: dimsetest.StartArchive(t, "TARGET")}
	c.objects = dimsetest.Study(4, dimsetest.StudyOptions{Instances: 5})
	add(t, c.old, c.objects)
	c.old.AddDestination("TARGET", c.target.Peer().Address)
	c.old.SetFaults(faults)
	return c
}

// move retrieves the study and returns what OLD says of it.
func (c *crossing) move(t *testing.T, options ...func(*dimse.MoveRequest)) (dimse.MoveResult, error) {
	t.Helper()
	request := dimse.MoveRequest{
		SOPClass: uid.StudyRootMove, Destination: "TARGET",
		Identifier: level("STUDY").SetString(dataset.StudyInstanceUID, c.objects[0].StudyUID),
	}
	for _, option := range options {
		option(&request)
	}
	return associate(t, c.old.Peer(), plain(uid.StudyRootMove)).Move(t.Context(), request)
}

func TestMoveFaultsShowAsTheyDoInRealArchives(t *testing.T) {
	study := dimsetest.Study(4, dimsetest.StudyOptions{Instances: 5})
	one := dimsetest.Only(study[2].SOPInstance)
	stranger := dimsetest.Study(5, dimsetest.StudyOptions{Instances: 1})
	for name, c := range map[string]struct {
		faults    dimsetest.MoveFaults
		status    dimse.Status
		arrivals  int // C-STOREs that the target got
		completed int
		named     int // failed instances in the final response
	}{
		"none":                  {dimsetest.MoveFaults{}, dimse.StatusSuccess, 5, 5, 0},
		"one withheld silently": {dimsetest.MoveFaults{Withhold: one}, dimse.StatusSuccess, 4, 5, 0},
		"one failed":            {dimsetest.MoveFaults{Fail: one}, dimse.StatusCoercion, 4, 4, 1},
		"one failed, no list":   {dimsetest.MoveFaults{Fail: one, OmitList: true}, dimse.StatusCoercion, 4, 4, 0},
		"one failed, success":   {dimsetest.MoveFaults{Fail: one, Success: true}, dimse.StatusSuccess, 4, 4, 0},
		"all failed":            {dimsetest.MoveFaults{Fail: dimsetest.Always}, dimse.StatusCannotPerformSubOps, 0, 0, 5},
		"no counts":             {dimsetest.MoveFaults{OmitCounts: true}, dimse.StatusSuccess, 5, -1, 0},
		"one twice":             {dimsetest.MoveFaults{Twice: one}, dimse.StatusSuccess, 6, 5, 0},
		"a stranger's":          {dimsetest.MoveFaults{Extra: stranger}, dimse.StatusSuccess, 6, 6, 0},
		"out of resources":      {dimsetest.MoveFaults{Refuse: dimsetest.RefuseFirst(1, dimse.StatusCannotPerformSubOps)}, dimse.StatusCannotPerformSubOps, 0, -1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			x := newCrossing(t, dimsetest.Faults{Move: c.faults})
			result, err := x.move(t)
			status := result.Status
			if answer := (*dimse.StatusError)(nil); errors.As(err, &answer) {
				status = answer.Status
			} else if err != nil {
				t.Fatal(err)
			}
			if status != c.status || result.Completed != c.completed || len(result.FailedUIDs) != c.named {
				t.Errorf("%v, %d completed, %d named; want %v, %d, %d", status, result.Completed, len(result.FailedUIDs), c.status, c.completed, c.named)
			}
			if got := len(x.target.Arrivals()); got != c.arrivals {
				t.Errorf("%d arrived, want %d", got, c.arrivals)
			}
		})
	}
}

func TestMoveNamesItsOriginator(t *testing.T) {
	x := newCrossing(t, dimsetest.Faults{})
	var id uint16
	var counts []int
	if _, err := x.move(t, func(r *dimse.MoveRequest) {
		r.Started = func(messageID uint16) { id = messageID }
		r.Progress = func(s dimse.SubOperations) { counts = append(counts, s.Remaining) }
	}); err != nil {
		t.Fatal(err)
	}
	for _, a := range x.target.Arrivals() {
		if a.MoveOriginatorAE != "TESTER" || a.MoveOriginatorMessageID != id || a.CallingAE != "OLDPACS" {
			t.Errorf("arrival %+v, want message %d", a, id)
		}
	}
	if len(counts) == 0 || counts[len(counts)-1] != 0 {
		t.Errorf("remaining sub-operations %v", counts)
	}
}

func TestMoveTakesListsAtEachLevel(t *testing.T) {
	x := newCrossing(t, dimsetest.Faults{})
	o := x.objects
	if _, err := x.move(t, func(r *dimse.MoveRequest) {
		r.Identifier = level("IMAGE").SetString(dataset.StudyInstanceUID, o[0].StudyUID).
			SetString(dataset.SeriesInstanceUID, o[0].SeriesUID).
			SetString(dataset.SOPInstanceUID, o[1].SOPInstance, o[3].SOPInstance)
	}); err != nil {
		t.Fatal(err)
	}
	if got := len(x.target.Arrivals()); got != 2 {
		t.Errorf("%d instances arrived, want 2", got)
	}
}

func TestUnknownDestinationIsRefused(t *testing.T) {
	x := newCrossing(t, dimsetest.Faults{})
	_, err := x.move(t, func(r *dimse.MoveRequest) { r.Destination = "NOBODY" })
	if status := (*dimse.StatusError)(nil); !errors.As(err, &status) || status.Status != dimse.StatusMoveDestination {
		t.Errorf("error %v, want A801", err)
	}
}

func TestWithheldInstanceComesWhenAskedAgain(t *testing.T) {
	x := newCrossing(t, dimsetest.Faults{Move: dimsetest.MoveFaults{Withhold: dimsetest.First(1, dimsetest.Always)}})
	for want := range 2 {
		if _, err := x.move(t); err != nil {
			t.Fatal(err)
		}
		if got := len(x.target.Arrivals()); got != 5*want {
			t.Errorf("%d arrived after retrieve %d", got, want+1)
		}
	}
}

func TestFreshAndAlteredInstances(t *testing.T) {
	x := newCrossing(t, dimsetest.Faults{Move: dimsetest.MoveFaults{FreshUIDs: true}})
	x.move(t)
	x.move(t)
	if got := len(x.target.Instances()); got != 10 {
		t.Errorf("%d instances after two retrieves, want 10 different ones", got)
	}
	x = newCrossing(t, dimsetest.Faults{Move: dimsetest.MoveFaults{Alter: dimsetest.Always}})
	x.move(t)
	for uid, sha := range x.target.Digests() {
		if x.old.Digests()[uid] == sha {
			t.Errorf("%s arrived unaltered", uid)
		}
	}
}

func TestLateInstancesComeAfterTheFinalResponse(t *testing.T) {
	x := newCrossing(t, dimsetest.Faults{Move: dimsetest.MoveFaults{Late: dimsetest.Always, LateBy: 20 * shortly}})
	if result, err := x.move(t); err != nil || result.Completed != 5 {
		t.Fatalf("%d completed: %v", result.Completed, err)
	}
	if got := len(x.target.Arrivals()); got != 0 {
		t.Errorf("%d had arrived before the final response", got)
	}
	eventually(t, func() bool { return len(x.target.Instances()) == 5 })
}

func TestAbortInTheMiddleOfAStudy(t *testing.T) {
	x := newCrossing(t, dimsetest.Faults{Move: dimsetest.MoveFaults{AbortAfter: 2, AbortMoves: 1}})
	if _, err := x.move(t); err == nil {
		t.Error("the first retrieve ended as if nothing had happened")
	}
	if _, err := x.move(t); err != nil {
		t.Errorf("the second retrieve: %v", err)
	}
}

func TestNoFinalResponse(t *testing.T) {
	x := newCrossing(t, dimsetest.Faults{Move: dimsetest.MoveFaults{NoFinal: true}})
	association := associate(t, x.old.Peer(), plain(uid.StudyRootMove))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		_, err := association.Move(ctx, dimse.MoveRequest{
			SOPClass: uid.StudyRootMove, Destination: "TARGET",
			Identifier: level("STUDY").SetString(dataset.StudyInstanceUID, x.objects[0].StudyUID),
		})
		ended <- err
	}()
	eventually(t, func() bool { return len(x.target.Instances()) == 5 })
	select {
	case err := <-ended:
		t.Errorf("the retrieve has ended: %v", err)
	case <-time.After(shortly):
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func noStudyLevel(identifier *dataset.Dataset) dimse.Status {
	if identifier.String(dataset.QueryRetrieveLevel) == "STUDY" {
		return dimse.StatusIdentifierMismatch
	}
	return dimse.StatusSuccess
}

func TestFindFaults(t *testing.T) {
	old := dimsetest.StartArchive(t, "OLDPACS")
	for i := range int64(5) {
		add(t, old, dimsetest.Study(i, dimsetest.StudyOptions{Instances: 1, Date: "20260101"}))
	}
	double := func(rows []*dataset.Dataset) []*dataset.Dataset { return append(rows, rows...) }
	for name, c := range map[string]struct {
		faults dimsetest.FindFaults
		date   string
		rows   int
		status dimse.Status
	}{
		"silent limit":    {dimsetest.FindFaults{Limit: 3}, "20260101", 3, dimse.StatusSuccess},
		"limit with A700": {dimsetest.FindFaults{Limit: 3, LimitStatus: dimse.StatusOutOfResources}, "20260101", 3, dimse.StatusOutOfResources},
		"dates ignored":   {dimsetest.FindFaults{IgnoreDates: true}, "19990101", 5, dimse.StatusSuccess},
		"rows doubled":    {dimsetest.FindFaults{Edit: double}, "20260101", 10, dimse.StatusSuccess},
		"refused":         {dimsetest.FindFaults{Refuse: dimsetest.RefuseFirst(9, dimse.StatusCannotUnderstand)}, "20260101", 0, dimse.StatusCannotUnderstand},
		"level refused":   {dimsetest.FindFaults{RefuseQuery: noStudyLevel}, "20260101", 0, dimse.StatusIdentifierMismatch},
	} {
		t.Run(name, func(t *testing.T) {
			old.SetFaults(dimsetest.Faults{Find: c.faults})
			rows, err := find(t, old.Peer(), uid.StudyRootFind, level("STUDY").SetString(dataset.StudyDate, c.date))
			var status dimse.Status
			if answer := (*dimse.StatusError)(nil); errors.As(err, &answer) {
				status = answer.Status
			}
			if len(rows) != c.rows || status != c.status {
				t.Errorf("%d rows, status %v: %v", len(rows), status, err)
			}
		})
	}
}

func TestStoreFaults(t *testing.T) {
	objects := dimsetest.Study(6, dimsetest.StudyOptions{Instances: 1})
	busy := func(_ string, times int) dimse.Status {
		if times == 1 {
			return dimse.StatusOutOfResources
		}
		return dimse.StatusSuccess
	}
	warning := func(string, int) dimse.Status { return dimse.StatusElementsDiscarded }
	for name, c := range map[string]struct {
		faults dimsetest.StoreFaults
		status dimse.Status
		fails  bool
		kept   int
	}{
		"busy once":  {dimsetest.StoreFaults{Status: busy}, dimse.StatusOutOfResources, true, 0},
		"a warning":  {dimsetest.StoreFaults{Status: warning}, dimse.StatusElementsDiscarded, false, 1},
		"forgotten":  {dimsetest.StoreFaults{Forget: dimsetest.Always}, dimse.StatusSuccess, false, 0},
		"dropped":    {dimsetest.StoreFaults{Drop: dimsetest.Always}, 0, true, 1},
		"cut inside": {dimsetest.StoreFaults{Cut: dimsetest.Always}, 0, true, 0},
		"no answer":  {dimsetest.StoreFaults{Mute: dimsetest.Always}, 0, true, 1},
	} {
		t.Run(name, func(t *testing.T) {
			target := dimsetest.StartArchive(t, "TARGET")
			target.SetFaults(dimsetest.Faults{Store: c.faults})
			association := associate(t, target.Peer(), proposals(objects)...)
			ctx, cancel := context.WithTimeout(t.Context(), soon)
			defer cancel()
			if c.faults.Mute != nil { // the answer never comes
				go whenKept(ctx, target, c.kept, cancel)
			}
			result, err := association.Store(ctx, storeRequest(objects[0]))
			if result.Status != c.status || (err != nil) != c.fails {
				t.Errorf("%v: %v", result.Status, err)
			}
			if got := len(target.Instances()); got != c.kept {
				t.Errorf("%d kept, want %d", got, c.kept)
			}
		})
	}
}

// whenKept does something once an archive has n instances.
func whenKept(ctx context.Context, a *dimsetest.Archive, n int, do func()) {
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for ctx.Err() == nil && len(a.Instances()) < n {
		<-ticker.C
	}
	do()
}

func TestAssociationFaults(t *testing.T) {
	target := dimsetest.StartArchive(t, "TARGET")
	target.SetFaults(dimsetest.Faults{Association: dimsetest.AssociationFaults{
		Admit: func(n int, _ dimse.AssociateRequest) error {
			if n == 1 {
				return dimse.RejectOverloaded
			}
			return nil
		},
		RefuseContext: func(_, transferSyntax string) bool { return transferSyntax == uid.ExplicitLE },
	}})
	dialer := &dimse.Dialer{Address: target.Peer().Address, CallingAE: "TESTER", CalledAE: target.AE}
	_, err := dialer.Dial(t.Context(), []dimse.Proposal{plain(uid.CTImageStorage)})
	if reject := (*dimse.RejectError)(nil); !errors.As(err, &reject) || !reject.Temporary() {
		t.Errorf("the first association: %v", err)
	}
	accepted := associate(t, target.Peer(), plain(uid.CTImageStorage)).Accepted(uid.CTImageStorage)
	if len(accepted) != 1 || accepted[0].TransferSyntax != uid.ImplicitLE {
		t.Errorf("accepted %v", accepted)
	}
}

// eventually waits until a condition holds.
func eventually(t *testing.T, holds func() bool) {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	timeout := time.After(soon)
	for !holds() {
		select {
		case <-ticker.C:
		case <-timeout:
			t.Fatal("it never came true")
		}
	}
}
