package dimse

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// BCP195 returns a copy of config under the BCP 195 secure transport profile
// (PS3.15 §B.9 and §B.10): TLS 1.3, or 1.2 with ephemeral keys and authenticated
// encryption. As a server it asks for a certificate and checks it against
// ClientCAs, unless config says otherwise.
func BCP195(config *tls.Config) *tls.Config {
	strict := config.Clone()
	strict.MinVersion = tls.VersionTLS12
	strict.CipherSuites = []uint16{
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	}
	if strict.ClientCAs != nil && strict.ClientAuth == tls.NoClientCert {
		strict.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return strict
}

// Certificates binds AE titles to certificates: the names a title's certificate
// may have, which are its common name, a DNS name or address it is made out to,
// or "sha256:" and the fingerprint in hexadecimal. It stands beside the check
// of the chain, not in its place.
type Certificates map[string][]string

// Admit is for Server.Admit: a calling title that has no certificate here, or
// another one, is rejected 1/1/3.
func (c Certificates) Admit(r AssociateRequest) error {
	if r.TLS == nil || !c.fits(r.CallingAE, r.TLS) {
		return RejectCallingAE
	}
	return nil
}

// Peer is for tls.Config.VerifyConnection of a Dialer: the certificate must be
// that of the title called.
func (c Certificates) Peer(title string) func(tls.ConnectionState) error {
	return func(state tls.ConnectionState) error {
		if !c.fits(title, &state) {
			return fmt.Errorf("the certificate is not that of %s", title)
		}
		return nil
	}
}

func (c Certificates) fits(title string, state *tls.ConnectionState) bool {
	if len(state.PeerCertificates) == 0 {
		return false
	}
	return slices.ContainsFunc(c[title], func(name string) bool { return hasName(state.PeerCertificates[0], name) })
}

func hasName(certificate *x509.Certificate, name string) bool {
	if digest, ok := strings.CutPrefix(name, "sha256:"); ok {
		sum := sha256.Sum256(certificate.Raw)
		return strings.EqualFold(strings.ReplaceAll(digest, ":", ""), hex.EncodeToString(sum[:]))
	}
	return certificate.Subject.CommonName == name || certificate.VerifyHostname(name) == nil
}
