package dimse_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log"
	"net"
	"strings"

	"pacsbridge/dimse"
	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/uid"
)

// digester is a storage provider that keeps nothing but a digest.
type digester struct{}

func (digester) Store(_ context.Context, i *dimse.Instance) error {
	digest := sha256.New()
	if _, err := io.Copy(digest, i.Data); err != nil {
		return err // the data set was cut: it must not be kept
	}
	fmt.Printf("%s from %s: %x\n", i.SOPInstance, i.CallingAE, digest.Sum(nil)[:4])
	return nil
}

// A provider on loopback, and a user that stores one instance there.
func Example() {
	ctx, cancel := context.WithCancel(context.Background())
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	server := &dimse.Server{AETitle: "ARCHIVE", Handlers: dimse.Handlers{Store: digester{}}}
	ended := make(chan error)
	go func() { ended <- server.Serve(ctx, listener) }()

	dialer := dimse.Dialer{Address: listener.Addr().String(), CallingAE: "MODALITY", CalledAE: "ARCHIVE"}
	association, err := dialer.Dial(ctx, []dimse.Proposal{
		{SOPClass: uid.CTImageStorage, TransferSyntaxes: []string{uid.ExplicitLE}},
	})
	if err != nil {
		log.Fatal(err)
	}
	result, err := association.Store(ctx, dimse.StoreRequest{
		SOPClass: uid.CTImageStorage, SOPInstance: "1.2.3", TransferSyntax: uid.ExplicitLE,
		Data: strings.NewReader("the bytes of a data set"),
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Status.Meaning(dimse.ServiceStore))
	if err := association.Release(ctx); err != nil {
		log.Fatal(err)
	}
	cancel()
	if err := <-ended; err != nil {
		log.Fatal(err)
	}
	// Output:
	// 1.2.3 from MODALITY: a9abb72d
	// 0000H success
}

// A user asks for commitment of what it has stored; the provider tells the
// result on the same association. It could as well open one of its own with
// CommitmentReports, to a Server of the user that has Handlers.Event.
func ExampleAssociation_Commit() {
	ctx, cancel := context.WithCancel(context.Background())
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	work := make(chan func() error, 1)
	server := &dimse.Server{Handlers: dimse.Handlers{Action: dimse.CommitHandler(
		func(_ context.Context, q dimse.ActionQuery, r dimse.CommitRequest) error {
			work <- func() error { // when the request has been answered
				return q.Association.ReportCommitment(ctx, dimse.CommitResult{TransactionUID: r.TransactionUID, Committed: r.References})
			}
			return nil
		})}}
	ended := make(chan error)
	go func() { ended <- server.Serve(ctx, listener) }()

	results := make(chan dimse.CommitResult)
	dialer := dimse.Dialer{Address: listener.Addr().String(), CallingAE: "USER", CalledAE: "ARCHIVE", Events: dimse.CommitResults(
		func(_ context.Context, _ dimse.Request, r dimse.CommitResult) error { results <- r; return nil })}
	association, err := dialer.Dial(ctx, []dimse.Proposal{{SOPClass: uid.StorageCommitment, TransferSyntaxes: []string{uid.ExplicitLE}}})
	if err != nil {
		log.Fatal(err)
	}
	err = association.Commit(ctx, dimse.CommitRequest{
		TransactionUID: "1.2.3", References: []dimse.Reference{{SOPClass: uid.CTImageStorage, SOPInstance: "1.2.3.4"}},
	})
	if err != nil {
		log.Fatal(err)
	}
	go (<-work)()
	r := <-results
	fmt.Println(r.TransactionUID, len(r.Committed), "committed", len(r.Failed), "failed")
	_ = association.Release(ctx)
	cancel()
	<-ended
	// Output:
	// 1.2.3 1 committed 0 failed
}

// A query: the matches come as they are found, and breaking the loop cancels
// the rest.
func ExampleAssociation_Find() {
	ctx, cancel := context.WithCancel(context.Background())
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	server := &dimse.Server{Handlers: dimse.Handlers{Find: &finder{n: 1 << 30, ended: make(chan error, 1)}}}
	ended := make(chan error)
	go func() { ended <- server.Serve(ctx, listener) }()

	dialer := dimse.Dialer{Address: listener.Addr().String(), CallingAE: "USER", CalledAE: "ARCHIVE"}
	association, err := dialer.Dial(ctx, []dimse.Proposal{{SOPClass: uid.StudyRootFind, TransferSyntaxes: []string{uid.ExplicitLE}}})
	if err != nil {
		log.Fatal(err)
	}
	query := dataset.New().SetString(dataset.QueryRetrieveLevel, "STUDY").SetString(dataset.StudyInstanceUID)
	n := 0
	for match, err := range association.Find(ctx, dimse.FindRequest{SOPClass: uid.StudyRootFind, Identifier: query}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(match.String(dataset.StudyInstanceUID))
		if n++; n == 3 {
			break
		}
	}
	_ = association.Release(ctx)
	cancel()
	<-ended
	// Output:
	// 1.2.1
	// 1.2.2
	// 1.2.3
}
