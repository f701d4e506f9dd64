package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"pacsbridge/conf"
)

// issue writes a key and a certificate that signs itself, for the loopback
// address and for both directions, and returns them as settings.
func issue(t *testing.T) conf.TLS {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyBytes, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	files := conf.TLS{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem"), CA: filepath.Join(dir, "cert.pem")}
	for path, block := range map[string]*pem.Block{
		files.Cert: {Type: "CERTIFICATE", Bytes: certificate}, files.Key: {Type: "PRIVATE KEY", Bytes: keyBytes},
	} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

func TestBothEndsProveThemselves(t *testing.T) {
	ours, strangers := issue(t), issue(t)
	server, err := serverTLS(ours)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		caller conf.TLS
		want   bool
	}{
		{"with our certificate", ours, true},
		{"without a certificate", conf.TLS{CA: ours.CA}, false},
		{"with a stranger's certificate", conf.TLS{Cert: strangers.Cert, Key: strangers.Key, CA: ours.CA}, false},
		{"trusting somebody else", strangers, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			client, err := clientTLS(c.caller, "127.0.0.1:2762")
			if err != nil {
				t.Fatal(err)
			}
			if err := shakeHands(t, client, server); (err == nil) != c.want {
				t.Errorf("got %v, want success to be %v", err, c.want)
			}
		})
	}
}

// shakeHands returns the listener's view of the handshake: in TLS 1.3 the
// caller learns of a refusal only later.
func shakeHands(t *testing.T, client, server *tls.Config) error {
	listener, err := tls.Listen("tcp", "127.0.0.1:0", server)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	called := make(chan error, 1)
	go func() {
		caller, err := tls.Dial("tcp", listener.Addr().String(), client)
		if err == nil {
			_, _ = caller.Read(make([]byte, 1)) // takes in what the listener says last
			err = caller.Close()
		}
		called <- err
	}()
	call, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	err = call.(*tls.Conn).Handshake()
	_ = call.Close()
	<-called
	return err
}

func TestPlainTCPNeedsNoCertificates(t *testing.T) {
	client, errClient := clientTLS(conf.TLS{}, "127.0.0.1:104")
	server, errServer := serverTLS(conf.TLS{})
	if client != nil || server != nil || errClient != nil || errServer != nil {
		t.Errorf("got %v, %v and %v, %v", client, errClient, server, errServer)
	}
}
