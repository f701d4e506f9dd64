package bridge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"pacsbridge/dimse"
	"pacsbridge/nondicom"
	"pacsbridge/nondicom/fetch"
	"pacsbridge/staging"
	"pacsbridge/staging/spool"
)

func TestEveryErrorHasItsClassAndVerdict(t *testing.T) {
	store := func(s dimse.Status) error { return &dimse.StatusError{Service: dimse.ServiceStore, Status: s} }
	move := func(s dimse.Status) error { return &dimse.StatusError{Service: dimse.ServiceMove, Status: s} }
	fetched := func(kind error) error { return &fetch.Error{Location: "reports:a.pdf", Kind: kind} }
	tests := []struct {
		name    string
		err     error
		class   staging.Class
		verdict Verdict
	}{
		{"unknown move destination", &DestinationError{AE: "PACSBRIDGE", Err: store(0xA801)}, staging.PeerRefused, Halt},
		{"association rejected for good", &dimse.RejectError{Result: 1, Source: 1, Reason: 3}, staging.PeerRefused, Halt},
		{"association rejected for the moment", &dimse.RejectError{Result: 2, Source: 3, Reason: 2}, staging.PeerBusy, Wait},
		{"out of resources", store(0xA700), staging.PeerBusy, Wait},
		{"out of resources, unable to perform", store(0xA702), staging.PeerBusy, Wait},
		{"resource limitation", store(0x0213), staging.PeerBusy, Wait},
		{"0122 to a second C-STORE", store(0x0122), staging.TargetRefused, Hopeless},
		{"C000 to a second C-STORE", store(0xC000), staging.TargetRefused, Hopeless},
		{"processing failure of a second C-STORE", store(0x0110), staging.TargetRefused, Hopeless},
		{"C-MOVE out of resources", move(0xA701), staging.PeerBusy, Wait},
		{"C-MOVE cannot perform sub-operations", move(0xA702), staging.PeerBusy, Wait},
		{"C-MOVE unable to process", move(0xC001), staging.PeerBusy, Wait},
		{"C-MOVE identifier does not match", move(0xA900), staging.PeerRefused, Hopeless},
		{"C-MOVE not supported", move(0x0122), staging.PeerRefused, Hopeless},
		{"data set does not match", store(0xA900), staging.TargetRefused, Hopeless},
		{"cannot understand", store(0xC123), staging.TargetRefused, Hopeless},
		{"not authorized", store(0x0124), staging.TargetRefused, Hopeless},
		{"any other status", move(0x0110), staging.PeerRefused, Again},
		{"a class the target refuses", &RefusedClassError{SOPClass: "1.2"}, staging.TargetRefused, Hopeless},
		{"values that another syntax would change", &RecodeError{SOPInstance: "1.2"}, staging.TargetRefused, Hopeless},
		{"no context for the class", &dimse.NoContextError{SOPClass: "1.2"}, staging.TargetRefused, Hopeless},
		{"asked and not received", &IncompleteError{Missing: []string{"1.2"}}, staging.Incomplete, Again},
		{"asked, not received, and OLD said why", &IncompleteError{Missing: []string{"1.2"}, Last: move(0xA702)}, staging.Incomplete, Again},
		{"asked, not received, and OLD was too busy", &IncompleteError{Missing: []string{"1.2"}, Last: move(0xA701)}, staging.PeerBusy, Wait},
		{"counted and not listed", &UnlistedError{Counted: 3}, staging.Incomplete, Again},
		{"stored and not listed", &UnprovenError{UIDs: []string{"1.2"}}, staging.Mismatch, Again},
		{"attachment not there", fetched(fetch.ErrNotFound), staging.AttachmentMissing, Again},
		{"attachment empty", fetched(fetch.ErrEmpty), staging.AttachmentMissing, Again},
		{"attachment outside its store", fetched(fetch.ErrUnsafePath), staging.AttachmentMissing, Hopeless},
		{"attachment behind a refused password", fetched(fetch.ErrPassword), staging.AttachmentMissing, Hopeless},
		{"attachment on an untrusted server", fetched(fetch.ErrUntrusted), staging.AttachmentMissing, Hopeless},
		{"attachment of another digest", fetched(fetch.ErrDigest), staging.Mismatch, Again},
		{"attachment broke off", fetched(fetch.ErrBroken), staging.Network, Again},
		{"content without a DICOM form", &nondicom.UnsupportedError{Kind: "video/mp4", Why: "no"}, staging.Data, Hopeless},
		{"ambiguous record", &HeldError{Why: "two"}, staging.Data, Hopeless},
		{"spool full", spool.ErrFull, staging.Internal, Wait},
		{"too long in work", errTimeLimit, staging.Timeout, Again},
		{"silent peer", &dimse.TimeoutError{Waiting: "an answer"}, staging.Timeout, Again},
		{"aborted", &dimse.AbortError{}, staging.Network, Wait},
		{"connection refused", &dimse.TransportError{Doing: "dial", Err: &net.OpError{Op: "dial", Err: errors.New("refused")}}, staging.Network, Wait},
		{"cut", io.ErrUnexpectedEOF, staging.Network, Wait},
		{"deadline", context.DeadlineExceeded, staging.Timeout, Again},
		{"a bug", errors.New("what is this"), staging.Internal, Again},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := fmt.Errorf("while doing something: %w", &PeerError{Peer: "old", AE: "OLDPACS", Err: tt.err})
			f := classify(err)
			if f.Class != tt.class || f.Verdict != tt.verdict {
				t.Errorf("classify(%v) = %s, %s; want %s, %s", tt.err, f.Class, f.Verdict, tt.class, tt.verdict)
			}
			if f.Reason != err.Error() {
				t.Errorf("the reason %q is not what happened: %q", f.Reason, err)
			}
		})
	}
}
