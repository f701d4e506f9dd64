package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"

	"pacsbridge/conf"
	"pacsbridge/dimse"
)

// strictTLS is the BCP 195 profile of PS3.15 §B.9: TLS 1.3, or 1.2 with
// forward secrecy and authenticated encryption.
func strictTLS() *tls.Config { return dimse.BCP195(new(tls.Config)) }

// clientTLS is how we call a peer; nil where it speaks plain TCP. Without a CA
// of its own the peer's certificate must be known to the system.
func clientTLS(t conf.TLS, address string) (*tls.Config, error) {
	if !t.Enabled() {
		return nil, nil
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	config := strictTLS()
	config.ServerName = host
	if config.RootCAs, err = readCA(t.CA); err != nil {
		return nil, err
	}
	if config.Certificates, err = readCertificate(t); err != nil {
		return nil, err
	}
	return config, nil
}

// certificatesOf binds AE titles to certificates; nil where any of the CA will do.
func certificatesOf(node conf.Node) dimse.Certificates {
	if len(node.Certificates) == 0 {
		return nil
	}
	bound := dimse.Certificates{}
	for _, c := range node.Certificates {
		bound[c.AETitle] = append(bound[c.AETitle], c.Name)
	}
	return bound
}

// serverTLS is how we are called; nil where we speak plain TCP. A caller must
// show a certificate of our CA.
func serverTLS(t conf.TLS) (*tls.Config, error) {
	if !t.Enabled() {
		return nil, nil
	}
	config := strictTLS()
	config.ClientAuth = tls.RequireAndVerifyClientCert
	var err error
	if config.ClientCAs, err = readCA(t.CA); err != nil {
		return nil, err
	}
	if config.Certificates, err = readCertificate(t); err != nil {
		return nil, err
	}
	return config, nil
}

func readCA(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read certificates: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(content) {
		return nil, fmt.Errorf("read certificates: %s holds none in PEM form", path)
	}
	return pool, nil
}

func readCertificate(t conf.TLS) ([]tls.Certificate, error) {
	if t.Cert == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
	if err != nil {
		return nil, fmt.Errorf("read certificate %s: %w", t.Cert, err)
	}
	return []tls.Certificate{pair}, nil
}
