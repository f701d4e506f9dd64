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
