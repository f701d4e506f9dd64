package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"pacsbridge/conf"
	"pacsbridge/dimse"
	"pacsbridge/dimse/dimsetest"
)

// authority issues certificates.
type authority struct {
	t           *testing.T
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	file        string
	issued      int64
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t}
	files := a.issue("authority")
	a.file = files.Cert
	return a
}

// issue writes a certificate with a common name, for the loopback address and for both
// directions, and its key. The first is the authority's own.
func (a *authority) issue(name string) conf.TLS {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	a.issued++
	template := &x509.Certificate{
		SerialNumber: big.NewInt(a.issued), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, BasicConstraintsValid: true, IsCA: a.certificate == nil,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if a.certificate == nil {
		a.certificate, a.key = template, key
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	if a.certificate == template {
		if a.certificate, err = x509.ParseCertificate(raw); err != nil {
			a.t.Fatal(err)
		}
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	dir := a.t.TempDir()
	return conf.TLS{Cert: a.pem(dir, "CERTIFICATE", raw), Key: a.pem(dir, "PRIVATE KEY", private), CA: a.file}
}

func (a *authority) pem(dir, kind string, content []byte) string {
	a.t.Helper()
	path := filepath.Join(dir, strings.ToLower(strings.ReplaceAll(kind, " ", "-"))+".pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}), 0o600); err != nil {
		a.t.Fatal(err)
	}
	return path
}

// echo calls our port over TLS as DCMTK does, and reports whether it was answered.
func (l *lab) echo(calling string, with conf.TLS) bool {
	l.t.Helper()
	node := l.node()
	out := dimsetest.DCMTK(l.t, "echoscu", "+tls", with.Key, with.Cert, "+cf", with.CA, "-aet", calling, "-aec", node.AE, node.Host(), node.Port())
	return out.ExitCode == 0
}

func TestAValidCertificateOfAnotherTitleIsRefused(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	own, old, modality := a.issue("bridge.hospital"), a.issue("old.hospital"), a.issue("modality.hospital")
	l := newLab(t, 0)
	l.edit("ae_title: PACSBRIDGE,", fmt.Sprintf(`ae_title: PACSBRIDGE, admit: [OLDPACS, NEWPACS, MODALITY], tls: {cert: %q, key: %q, ca: %q},
  certificates: ["OLDPACS=old.hospital", "NEWPACS=new.hospital", "MODALITY=modality.hospital"],`, own.Cert, own.Key, own.CA))
	serve := l.serving()
	for _, c := range []struct {
		calling string
		with    conf.TLS
		want    bool
	}{
		{"OLDPACS", old, true}, {"MODALITY", modality, true},
		{"OLDPACS", modality, false}, {"MODALITY", old, false}, {"NEWPACS", old, false}, {"OLDPACS", newAuthority(t).issue("old.hospital"), false},
	} {
		if got := l.echo(c.calling, c.with); got != c.want {
			t.Errorf("%s with %s was answered: %v", c.calling, c.with.Cert, got)
		}
	}
	serve.Process.Signal(syscall.SIGTERM)
	serve.ended(exitInterrupted)
}

func TestAPACSWithTheCertificateOfAnotherTitleIsNotSpokenTo(t *testing.T) {
	a := newAuthority(t)
	own, old := a.issue("bridge.hospital"), a.issue("old.hospital")
	config, err := serverTLS(old)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	log := slog.New(slog.DiscardHandler)
	go func() { ended <- (&dimse.Server{AETitle: "OLDPACS", TLS: config, Logger: log}).Serve(ctx, listener) }()
	for name, want := range map[string]bool{"old.hospital": true, "new.hospital": false} {
		p := peerOf("old", &conf.Settings{Node: conf.Node{AETitle: "PACSBRIDGE", Certificates: []conf.Certificate{{AETitle: "OLDPACS", Name: name}}}},
			conf.Peer{AETitle: "OLDPACS", Address: listener.Addr().String(), TLS: own})
		dialer, err := p.dialer(log)
		if err != nil {
			t.Fatal(err)
		}
		association, err := dialer.Dial(t.Context(), proposeUncompressed([]string{"1.2.840.10008.1.1"}))
		if (err == nil) != want {
			t.Errorf("bound to %s: %v", name, err)
		}
		if err == nil {
			_ = association.Release(t.Context())
		}
	}
	stop()
	<-ended
}
