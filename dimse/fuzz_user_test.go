package dimse_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"pacsbridge/dimse"
	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/pdu"
	"pacsbridge/dimse/uid"
)

// useOperations are what a user asks of a provider, on an association for all of
// it.
var useOperations = []func(context.Context, *dimse.Association){
	func(ctx context.Context, a *dimse.Association) { _ = a.Echo(ctx) },
	func(ctx context.Context, a *dimse.Association) { _, _ = a.Store(ctx, storeOf(pattern(200))) },
	func(ctx context.Context, a *dimse.Association) {
		for match, err := range a.Find(ctx, dimse.FindRequest{SOPClass: uid.StudyRootFind, Identifier: dataset.New()}) {
			if err == nil {
				_ = match.Text(dataset.PatientName)
			}
		}
	},
	func(ctx context.Context, a *dimse.Association) {
		_, _ = a.Move(ctx, dimse.MoveRequest{SOPClass: uid.StudyRootMove, Destination: "KNOWN", Identifier: dataset.New()})
	},
	func(ctx context.Context, a *dimse.Association) {
		_, _ = a.Get(ctx, dimse.GetRequest{SOPClass: uid.StudyRootGet, Identifier: dataset.New()}, discard)
	},
	func(ctx context.Context, a *dimse.Association) {
		_ = a.Commit(ctx, dimse.CommitRequest{TransactionUID: "1.2", References: []dimse.Reference{{SOPClass: "1.2", SOPInstance: "1.2.3"}}})
	},
}

// everyProposal is what everyClass asks for, and a role for C-GET.
func everyProposal() []dimse.Proposal {
	var all []dimse.Proposal
	for _, c := range everyClass().Contexts {
		p := propose(c.AbstractSyntax)
		p.SCPRole = c.AbstractSyntax == uid.CTImageStorage
		all = append(all, p)
	}
	return all
}

// acceptance is the answer to it that accepts everything.
func acceptance(f *testing.F) []byte {
	f.Helper()
	maximum := uint32(16384)
	ac := &pdu.AssociateAC{Version: 1, ApplicationContext: pdu.ApplicationContext, User: pdu.UserInformation{MaxLength: &maximum}}
	for _, c := range everyClass().Contexts {
		ac.Contexts = append(ac.Contexts, pdu.AnsweredContext{ID: c.ID, TransferSyntax: uid.ExplicitLE})
	}
	b, err := ac.AppendTo(nil)
	if err != nil {
		f.Fatal(err)
	}
	return b
}

// answers are what honest providers say to the first message of an association.
func answers(f *testing.F) (all [][]byte) {
	f.Helper()
	match, err := dataset.New().SetString(dataset.StudyInstanceUID, "1.2").SetString(dataset.PatientName, "Doe^Jane").AppendTo(nil, uid.ExplicitLE)
	if err != nil {
		f.Fatal(err)
	}
	say := func(context byte, c dimse.Command) {
		c.RespondedTo = 1
		all = append(all, saying(f, context, c, match))
	}
	say(1, dimse.Command{Field: dimse.CEchoRSP})
	say(3, dimse.Command{Field: dimse.CStoreRSP, Status: 0xB000, Comment: "coerced", Offending: []dataset.Tag{dataset.PatientName}})
	say(5, dimse.Command{Field: dimse.CFindRSP, Status: dimse.StatusPending, HasData: true})
	say(5, dimse.Command{Field: dimse.CFindRSP})
	say(7, dimse.Command{Field: dimse.CMoveRSP, Status: 0xB000, HasData: true, SubOperations: &dimse.SubOperations{Completed: 1, Failed: 1}})
	say(9, dimse.Command{Field: dimse.CGetRSP, Status: dimse.StatusPending, SubOperations: &dimse.SubOperations{Remaining: 1}})
	say(3, storeRQ(9))
	say(11, dimse.Command{Field: dimse.NActionRSP})
	say(11, dimse.Command{Field: dimse.NEventReportRQ, MessageID: 3, AffectedClass: uid.StorageCommitment, AffectedInstance: uid.StorageCommitmentPush, EventType: 1, HasData: true})
	return all
}

// FuzzUser says anything to a user, with an association or in place of one, and
// closes: the user's operation must end soon, and must not panic.
func FuzzUser(f *testing.F) {
	opening, log := acceptance(f), new(alarm)
	for i, b := range answers(f) {
		f.Add(b, true, byte(min(i, len(useOperations)-1)))
	}
	f.Add(opening, false, byte(0))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = listener.Close() })
	f.Fuzz(func(t *testing.T, b []byte, associated bool, operation byte) {
		said := make(chan struct{})
		go func() {
			defer close(said)
			if associated {
				b = append(opening[:len(opening):len(opening)], b...)
			}
			sayAndClose(listener, b)
		}()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		dialer := dimse.Dialer{
			Address: listener.Addr().String(), CallingAE: "USER", CalledAE: "PROVIDER", Logger: slog.New(log),
			Events: dimse.CommitResults(func(context.Context, dimse.Request, dimse.CommitResult) error { return nil }),
		}
		if a, err := dialer.Dial(ctx, everyProposal()); err == nil {
			useOperations[int(operation)%len(useOperations)](ctx, a)
			_ = a.Abort()
			<-a.Done()
		}
		<-said
		if ctx.Err() != nil {
			t.Fatal("the user waits for a provider that has closed the connection")
		}
		if m := log.message(); m != "" {
			t.Fatal(m)
		}
	})
}

// sayAndClose takes one connection, says b, and closes when the user is silent.
func sayAndClose(listener net.Listener, b []byte) {
	conn, err := listener.Accept()
	if err != nil {
		return
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	_, _ = conn.Write(b)
	_ = conn.(*net.TCPConn).CloseWrite()
	_, _ = io.Copy(io.Discard, conn)
	_ = conn.(*net.TCPConn).SetLinger(0)
}
