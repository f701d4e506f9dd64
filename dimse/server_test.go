package dimse_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"testing"
	"time"

	"pacsbridge/dimse"
	"pacsbridge/dimse/uid"
)

func TestShutdownLetsTheOperationUnderWayEnd(t *testing.T) {
	begun, goOn := make(chan struct{}), make(chan struct{})
	server := &dimse.Server{Grace: patience, Handlers: dimse.Handlers{Store: storeFunc(func(_ context.Context, i *dimse.Instance) error {
		close(begun)
		<-goOn
		_, err := io.Copy(io.Discard, i.Data)
		return err
	})}}
	address, stop, ended := start(t, server)
	idle := dial(t, address, propose(uid.Verification))
	busy := dial(t, address, propose(uid.CTImageStorage))
	silent := connect(t, address)
	stored := make(chan error, 1)
	go func() {
		_, err := busy.Store(testContext(t), storeOf(pattern(1<<20)))
		stored <- err
	}()
	<-begun
	stop()
	<-idle.Done()
	silent.wantClosed()
	if _, err := net.Dial("tcp", address); err == nil {
		t.Error("still listening")
	}
	close(goOn)
	if err := <-stored; err != nil {
		t.Error(err)
	}
	<-busy.Done()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestShutdownAbortsWhatDoesNotEnd(t *testing.T) {
	w := waiting{begun: make(chan struct{})}
	address, stop, ended := start(t, &dimse.Server{Grace: time.Millisecond, Handlers: dimse.Handlers{Move: w}})
	a := dial(t, address, propose(uid.StudyRootMove))
	go func() { <-w.begun; stop() }()
	var aborted *dimse.AbortError
	if _, err := a.Move(testContext(t), moveTo("KNOWN")); !errors.As(err, &aborted) {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// start is serve for tests that end the server themselves.
func start(t *testing.T, server *dimse.Server) (address string, stop func(), ended <-chan error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	result := make(chan error, 1)
	go func() { result <- server.Serve(ctx, listener) }()
	return listener.Addr().String(), cancel, result
}

// Many that say nothing must not keep anybody from being answered.
func TestHundredsOfIdleConnectionsDoNotDelayAnEcho(t *testing.T) {
	address := serve(t, &dimse.Server{Handlers: dimse.Handlers{Store: discard}})
	for range 100 {
		connect(t, address)
		connect(t, address).sendBytes([]byte{1, 0, 0})
		associated(t, address)
		s := associated(t, address)
		s.command(3, storeRQ(1))
		s.data(3, false, []byte{1, 2})
	}
	echoWithin(t, address, prompt)
}

func TestTLSWithCertificatesBothWays(t *testing.T) {
	certificate, pool := selfSigned(t)
	admitted := make(chan *tls.ConnectionState, 1)
	address := serve(t, &dimse.Server{
		TLS:      &tls.Config{Certificates: []tls.Certificate{certificate}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool},
		Admit:    func(r dimse.AssociateRequest) error { admitted <- r.TLS; return nil },
		Handlers: dimse.Handlers{Store: discard},
	})
	dialer := dimse.Dialer{
		Address: address, CallingAE: "USER", CalledAE: "PROVIDER",
		TLS: &tls.Config{Certificates: []tls.Certificate{certificate}, RootCAs: pool},
	}
	a, err := dialer.Dial(testContext(t), []dimse.Proposal{propose(uid.CTImageStorage)})
	if err != nil {
		t.Fatal(err)
	}
	if state := <-admitted; state == nil || len(state.PeerCertificates) != 1 {
		t.Error("Admit does not see the client's certificate")
	}
	if _, err := a.Store(testContext(t), storeOf(pattern(1<<20))); err != nil {
		t.Error(err)
	}
	if err := a.Release(testContext(t)); err != nil {
		t.Error(err)
	}
	plain := dimse.Dialer{Address: address, CallingAE: "USER", CalledAE: "PROVIDER"}
	if _, err := plain.Dial(testContext(t), []dimse.Proposal{propose(uid.Verification)}); err == nil {
		t.Error("spoke plainly to a TLS port")
	}
}

func selfSigned(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IsCA: true, BasicConstraintsValid: true,
		NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}
