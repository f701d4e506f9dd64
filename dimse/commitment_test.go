package dimse_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pacsbridge/dimse"
	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/pdu"
	"pacsbridge/dimse/uid"
)

// outcome is what a provider makes of a request: the first instance is kept,
// the others are unknown.
func outcome(r dimse.CommitRequest) dimse.CommitResult {
	result := dimse.CommitResult{TransactionUID: r.TransactionUID, Committed: r.References[:1]}
	for _, reference := range r.References[1:] {
		result.Failed = append(result.Failed, dimse.CommitFailure{Reference: reference, Reason: dimse.StatusNoSuchInstance})
	}
	return result
}

func commitOf(n int) dimse.CommitRequest {
	r := dimse.CommitRequest{TransactionUID: "1.2.99"}
	for i := range n {
		r.References = append(r.References, dimse.Reference{SOPClass: uid.CTImageStorage, SOPInstance: fmt.Sprintf("1.2.3.%d", i+1)})
	}
	return r
}

// results hands on what CommitResults gets.
func results() (dimse.CommitResults, <-chan dimse.CommitResult) {
	arrived := make(chan dimse.CommitResult, 8)
	return func(_ context.Context, _ dimse.Request, r dimse.CommitResult) error {
		arrived <- r
		return nil
	}, arrived
}

func TestCommitmentIsReportedOnTheSameAssociation(t *testing.T) {
	reported := make(chan error, 1)
	requests := make(chan func(), 1)
	provider := dimse.CommitHandler(func(_ context.Context, q dimse.ActionQuery, r dimse.CommitRequest) error {
		requests <- func() { reported <- q.Association.ReportCommitment(testContext(t), outcome(r)) }
		return nil
	})
	events, arrived := results()
	dialer := dimse.Dialer{
		Address: serve(t, &dimse.Server{Handlers: dimse.Handlers{Action: provider}}), CallingAE: "USER", CalledAE: "PROVIDER", Events: events,
	}
	a, err := dialer.Dial(testContext(t), []dimse.Proposal{propose(uid.StorageCommitment)})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{1, 3, dimse.MaxCommitReferences} {
		if err := a.Commit(testContext(t), commitOf(n)); err != nil {
			t.Fatal(err)
		}
		(<-requests)()
		if err := <-reported; err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(outcome(commitOf(n)), <-arrived); diff != "" {
			t.Error(diff)
		}
	}
	if err := a.Commit(testContext(t), commitOf(dimse.MaxCommitReferences+1)); err == nil || !a.Usable() {
		t.Error("too many references are sent")
	}
	if err := a.Release(testContext(t)); err != nil {
		t.Error(err)
	}
}

func TestCommitmentIsReportedOnAnAssociationOfTheProvider(t *testing.T) {
	events, arrived := results()
	address := serve(t, &dimse.Server{Handlers: dimse.Handlers{Event: events}})
	a := dial(t, address, dimse.CommitmentReports(), propose(uid.Verification))
	want := outcome(commitOf(2))
	if err := a.ReportCommitment(testContext(t), want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, <-arrived); diff != "" {
		t.Error(diff)
	}
	err := a.Commit(testContext(t), commitOf(1)) // nobody performs N-ACTION there
	var status *dimse.StatusError
	if !errors.As(err, &status) || status.Status != dimse.StatusUnrecognizedOperation {
		t.Error(err)
	}
	if err := a.Echo(testContext(t)); err != nil {
		t.Error(err)
	}
}

func TestRolesOfStorageCommitment(t *testing.T) {
	events, _ := results()
	performs := dimse.CommitHandler(func(context.Context, dimse.ActionQuery, dimse.CommitRequest) error { return nil })
	for name, test := range map[string]struct {
		handlers dimse.Handlers
		want     pdu.Role
	}{
		"user":     {dimse.Handlers{Event: events}, pdu.Role{SCP: true}},
		"provider": {dimse.Handlers{Action: performs}, pdu.Role{SCU: true}},
		"both":     {dimse.Handlers{Action: performs, Event: events}, pdu.Role{SCU: true, SCP: true}},
	} {
		t.Run(name, func(t *testing.T) {
			s := connect(t, serve(t, &dimse.Server{Handlers: test.handlers}))
			rq := request()
			rq.Contexts = []pdu.ProposedContext{{ID: 1, AbstractSyntax: uid.StorageCommitment, TransferSyntaxes: []string{uid.ExplicitLE}}}
			rq.User.Roles = []pdu.Role{{SOPClass: uid.StorageCommitment, SCU: true, SCP: true}}
			s.send(rq)
			ac, ok := s.receive().(*pdu.AssociateAC)
			if !ok || ac.Contexts[0].Result != pdu.Acceptance {
				t.Fatalf("%+v", ac)
			}
			test.want.SOPClass = uid.StorageCommitment
			if diff := cmp.Diff([]pdu.Role{test.want}, ac.User.Roles); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDeclinedRoleReportsNothing(t *testing.T) {
	performs := dimse.CommitHandler(func(context.Context, dimse.ActionQuery, dimse.CommitRequest) error { return nil })
	address := serve(t, &dimse.Server{Handlers: dimse.Handlers{Action: performs}})
	a := dial(t, address, dimse.CommitmentReports())
	var none *dimse.NoContextError
	if err := a.ReportCommitment(testContext(t), outcome(commitOf(1))); !errors.As(err, &none) || !none.Role || !a.Usable() {
		t.Error(err)
	}
}

func TestCommitmentsThatMakeNoSenseAreAnsweredByStatus(t *testing.T) {
	failing := func(context.Context, dimse.ActionQuery, dimse.CommitRequest) error { return errors.New("disk") }
	events := func(context.Context, dimse.Request, dimse.CommitResult) error {
		return &dimse.StatusError{Status: dimse.StatusResourceLimitation}
	}
	address := serve(t, &dimse.Server{Handlers: dimse.Handlers{Action: dimse.CommitHandler(failing), Event: dimse.CommitResults(events)}})
	a := dial(t, address, dimse.Proposal{SOPClass: uid.StorageCommitment, TransferSyntaxes: []string{uid.ImplicitLE}, SCPRole: true})
	whole := dataset.New().SetString(dataset.TransactionUID, "1.2").SetSequence(dataset.ReferencedSOPSequence, dataset.New().SetString(dataset.ReferencedSOPInstanceUID, "1"))
	action := func(instance string, kind uint16, d *dataset.Dataset) error {
		_, err := a.Action(testContext(t), dimse.ActionRequest{SOPClass: uid.StorageCommitment, SOPInstance: instance, ActionType: kind, Information: d})
		return err
	}
	event := func(kind uint16, d *dataset.Dataset) error {
		_, err := a.Report(testContext(t), dimse.EventReport{SOPClass: uid.StorageCommitment, SOPInstance: uid.StorageCommitmentPush, EventType: kind, Information: d})
		return err
	}
	for name, test := range map[string]struct {
		err  error
		want dimse.Status
	}{
		"other instance": {action("1.2.3", 1, whole), dimse.StatusNoSuchInstance},
		"other action":   {action(uid.StorageCommitmentPush, 2, whole), dimse.StatusNoSuchAction},
		"no information": {action(uid.StorageCommitmentPush, 1, nil), dimse.StatusInvalidArgument},
		"no references":  {action(uid.StorageCommitmentPush, 1, dataset.New().SetString(dataset.TransactionUID, "1.2")), dimse.StatusInvalidArgument},
		"handler fails":  {action(uid.StorageCommitmentPush, 1, whole), dimse.StatusProcessingFailure},
		"other event":    {event(3, whole), dimse.StatusNoSuchEventType},
		"no transaction": {event(1, nil), dimse.StatusInvalidArgument},
		"results failed": {event(1, whole), dimse.StatusResourceLimitation},
	} {
		var status *dimse.StatusError
		if !errors.As(test.err, &status) || status.Status != test.want {
			t.Errorf("%s: %v, want %v", name, test.err, test.want)
		}
	}
	if !a.Usable() {
		t.Error("the association is lost")
	}
}

// The answer of an operation on an instance names it as the affected one (PS3.7
// §10.3.5.2).
func TestAnswerToAnActionNamesItsInstance(t *testing.T) {
	performs := dimse.CommitHandler(func(context.Context, dimse.ActionQuery, dimse.CommitRequest) error { return nil })
	s := connect(t, serve(t, &dimse.Server{Handlers: dimse.Handlers{Action: performs}}))
	rq := request()
	rq.Contexts[0].AbstractSyntax = uid.StorageCommitment
	s.send(rq)
	s.receive()
	b, err := dataset.New().SetString(dataset.TransactionUID, "1.2").
		SetSequence(dataset.ReferencedSOPSequence, dataset.New().SetString(dataset.ReferencedSOPInstanceUID, "1")).AppendTo(nil, uid.ImplicitLE)
	if err != nil {
		t.Fatal(err)
	}
	s.command(1, dimse.Command{Field: dimse.NActionRQ, MessageID: 4, RequestedClass: uid.StorageCommitment, RequestedInstance: uid.StorageCommitmentPush, ActionType: 1, HasData: true})
	s.data(1, true, b)
	want := &dimse.Command{Field: dimse.NActionRSP, RespondedTo: 4, AffectedClass: uid.StorageCommitment, AffectedInstance: uid.StorageCommitmentPush, ActionType: 1}
	if diff := cmp.Diff(want, s.answer()); diff != "" {
		t.Error(diff)
	}
	s.command(1, dimse.Command{Field: dimse.NActionRQ, MessageID: 5, RequestedClass: uid.StorageCommitment, RequestedInstance: uid.StorageCommitmentPush, ActionType: 1, HasData: true})
	s.data(1, true, []byte{1, 2, 3})
	if c := s.answer(); c.Status != dimse.StatusInvalidArgument || c.AffectedInstance != uid.StorageCommitmentPush {
		t.Errorf("broken information: %+v", c)
	}
}
