package dimse_test

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"net"
	"strings"
	"sync"

	"pacsbridge/dimse"
	"pacsbridge/dimse/uid"
)

// twoSteps takes data sets off the wire one after another, and keeps several of
// them at once.
type twoSteps struct{}

func (twoSteps) Receive(_ context.Context, i *dimse.Instance) (func(context.Context) error, error) {
	var data bytes.Buffer
	if _, err := data.ReadFrom(i.Data); err != nil {
		return nil, err // the data set was cut
	}
	name := i.SOPInstance
	return func(context.Context) error {
		fmt.Println("kept", name, data.Len()) // what takes its time: a disk, a database
		return nil
	}, nil
}

func (s twoSteps) Store(ctx context.Context, i *dimse.Instance) error {
	commit, err := s.Receive(ctx, i)
	if err != nil {
		return err
	}
	return commit(ctx)
}

// A user with an asynchronous operations window has several instances on their
// way at once; the provider keeps them at once and answers each when it is done.
func ExampleStoreReceiver() {
	ctx, cancel := context.WithCancel(context.Background())
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	server := &dimse.Server{Handlers: dimse.Handlers{Store: twoSteps{}}}
	ended := make(chan error)
	go func() { ended <- server.Serve(ctx, listener) }()

	dialer := dimse.Dialer{Address: listener.Addr().String(), CallingAE: "MODALITY", CalledAE: "ARCHIVE", AsyncWindow: 8}
	association, err := dialer.Dial(ctx, []dimse.Proposal{
		{SOPClass: uid.CTImageStorage, TransferSyntaxes: []string{uid.ExplicitLE}},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("window of", association.Peer().AsyncWindow)
	var stores sync.WaitGroup
	for n := range 3 {
		stores.Go(func() {
			_, err := association.Store(ctx, dimse.StoreRequest{
				SOPClass: uid.CTImageStorage, SOPInstance: fmt.Sprintf("1.2.%d", n), TransferSyntax: uid.ExplicitLE,
				Data: strings.NewReader("the bytes of a data set"),
			})
			if err != nil {
				log.Fatal(err)
			}
		})
	}
	stores.Wait()
	_ = association.Release(ctx)
	cancel()
	<-ended
	// Unordered output:
	// window of 8
	// kept 1.2.0 23
	// kept 1.2.1 23
	// kept 1.2.2 23
}
