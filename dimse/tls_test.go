package dimse_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"

	"pacsbridge/dimse"
	"pacsbridge/dimse/dimsetest"
	"pacsbridge/dimse/uid"
)

func TestCertificateIsBoundToTheTitle(t *testing.T) {
	certificate, pool := selfSigned(t)
	digest := fmt.Sprintf("sha256:%X", sha256.Sum256(certificate.Certificate[0]))
	for name, test := range map[string]struct {
		server, client dimse.Certificates
		rejected       bool
		handshake      bool
	}{
		"common name":       {dimse.Certificates{"USER": {"test"}}, dimse.Certificates{"PROVIDER": {"test"}}, false, true},
		"address":           {dimse.Certificates{"USER": {"127.0.0.1"}}, dimse.Certificates{"PROVIDER": {"127.0.0.1"}}, false, true},
		"fingerprint":       {dimse.Certificates{"USER": {digest}}, dimse.Certificates{"PROVIDER": {digest}}, false, true},
		"of another title":  {dimse.Certificates{"OTHER": {"test"}}, dimse.Certificates{"PROVIDER": {"test"}}, true, true},
		"of another user":   {dimse.Certificates{"USER": {"somebody"}}, dimse.Certificates{"PROVIDER": {"test"}}, true, true},
		"of another server": {dimse.Certificates{"USER": {"test"}}, dimse.Certificates{"PROVIDER": {"sha256:00"}}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			address := serve(t, &dimse.Server{
				TLS:   dimse.BCP195(&tls.Config{Certificates: []tls.Certificate{certificate}, ClientCAs: pool}),
				Admit: test.server.Admit,
			})
			config := dimse.BCP195(&tls.Config{Certificates: []tls.Certificate{certificate}, RootCAs: pool})
			config.VerifyConnection = test.client.Peer("PROVIDER")
			dialer := dimse.Dialer{Address: address, CallingAE: "USER", CalledAE: "PROVIDER", TLS: config}
			a, err := dialer.Dial(testContext(t), []dimse.Proposal{propose(uid.Verification)})
			var reject *dimse.RejectError
			if errors.As(err, &reject) != test.rejected || (err == nil) != (test.handshake && !test.rejected) {
				t.Error(err)
			}
			if err == nil {
				_ = a.Release(testContext(t))
			}
		})
	}
	plain := serve(t, &dimse.Server{Admit: dimse.Certificates{"USER": {"test"}}.Admit})
	dialer := dimse.Dialer{Address: plain, CallingAE: "USER", CalledAE: "PROVIDER"}
	var reject *dimse.RejectError
	if _, err := dialer.Dial(testContext(t), []dimse.Proposal{propose(uid.Verification)}); !errors.As(err, &reject) {
		t.Errorf("without TLS: %v", err)
	}
}

func TestOldTLSIsRefused(t *testing.T) {
	certificate, pool := selfSigned(t)
	address := serve(t, &dimse.Server{TLS: dimse.BCP195(&tls.Config{Certificates: []tls.Certificate{certificate}})})
	for name, config := range map[string]*tls.Config{
		"TLS 1.1":      {RootCAs: pool, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11},
		"CBC":          {RootCAs: pool, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}},
		"key exchange": {RootCAs: pool, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}},
	} {
		dialer := dimse.Dialer{Address: address, CallingAE: "USER", CalledAE: "PROVIDER", TLS: config}
		if _, err := dialer.Dial(testContext(t), []dimse.Proposal{propose(uid.Verification)}); err == nil {
			t.Errorf("%s is spoken", name)
		}
	}
}

// pemFiles writes a certificate and its key as DCMTK reads them.
func pemFiles(t *testing.T, certificate tls.Certificate) (key, cert string) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(certificate.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	key, cert = filepath.Join(folder, "key.pem"), filepath.Join(folder, "cert.pem")
	for path, block := range map[string]*pem.Block{key: {Type: "PRIVATE KEY", Bytes: der}, cert: {Type: "CERTIFICATE", Bytes: certificate.Certificate[0]}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return key, cert
}

func TestTLSWithDCMTKBothWays(t *testing.T) {
	certificate, pool := selfSigned(t)
	key, cert := pemFiles(t, certificate)
	for _, profile := range []string{"+py", "+px", "+pz"} {
		options := []string{"+tls", key, cert, "+cf", cert, profile}
		t.Run("as provider "+profile, func(t *testing.T) {
			k := new(keeper)
			host, port, _ := net.SplitHostPort(serve(t, &dimse.Server{
				TLS:      dimse.BCP195(&tls.Config{Certificates: []tls.Certificate{certificate}, ClientCAs: pool}),
				Admit:    dimse.Certificates{"STORESCU": {"test"}, "ECHOSCU": {"test"}}.Admit,
				Handlers: dimse.Handlers{Store: k},
			}))
			dimsetest.DCMTK(t, "echoscu", append(options, host, port)...).Need(t)
			path := file(t, "1.2.826.0.1.3680043.10.7", image(t, "1.2.826.0.1.3680043.10.7", 300_000))
			dimsetest.DCMTK(t, "storescu", append(options, "--repeat", "3", host, port, path)...).Need(t)
			if n := len(k.instances()); n != 3 {
				t.Errorf("%d instances", n)
			}
			if out := dimsetest.DCMTK(t, "echoscu", host, port); out.ExitCode == 0 {
				t.Error("answered without TLS")
			}
		})
		t.Run("as user "+profile, func(t *testing.T) { storeOverTLS(t, certificate, pool, options) })
	}
}

// storeOverTLS stores an image at a storescp that demands our certificate.
func storeOverTLS(t *testing.T, certificate tls.Certificate, pool *x509.CertPool, options []string) {
	config := dimse.BCP195(&tls.Config{Certificates: []tls.Certificate{certificate}, RootCAs: pool})
	config.VerifyConnection = dimse.Certificates{"STORESCP": {"127.0.0.1"}}.Peer("STORESCP")
	peer := dimsetest.StartStorescp(t, dimsetest.StorescpOptions{Args: options, TLS: config})
	dialer := dimse.Dialer{Address: peer.Address, CallingAE: "USER", CalledAE: "STORESCP", TLS: config}
	a, err := dialer.Dial(testContext(t), []dimse.Proposal{propose(uid.SecondaryCapture)})
	if err != nil {
		t.Fatal(err)
	}
	const instance = "1.2.826.0.1.3680043.10.8"
	want := image(t, instance, 300_000)
	if _, err := a.Store(testContext(t), dimse.StoreRequest{
		SOPClass: uid.SecondaryCapture, SOPInstance: instance, TransferSyntax: uid.ExplicitLE, Data: bytes.NewReader(want),
	}); err != nil {
		t.Error(err)
	}
	if err := a.Release(testContext(t)); err != nil {
		t.Error(err)
	}
	got, err := os.ReadFile(filepath.Join(peer.Dir, "SC."+instance))
	if err != nil || !bytes.HasSuffix(got, want) {
		t.Errorf("%d bytes arrived: %v", len(got), err)
	}
}
