package dimse_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pacsbridge/dimse"
	"pacsbridge/dimse/pdu"
	"pacsbridge/dimse/uid"
)

func TestUserIdentityIsAnsweredOnlyByWhoLooksAtIt(t *testing.T) {
	identify := func(r dimse.AssociateRequest) ([]byte, error) {
		switch string(r.UserIdentity.Primary) {
		case "jane":
			return nil, nil
		case "ticket":
			return []byte("server ticket"), nil
		}
		return nil, errors.New("who?")
	}
	for name, test := range map[string]struct {
		identify func(dimse.AssociateRequest) ([]byte, error)
		identity pdu.UserIdentity
		want     []byte
		rejected bool
	}{
		"nobody looks":  {nil, pdu.UserIdentity{Type: pdu.IdentityUsername, Answer: true, Primary: []byte("jane")}, nil, false},
		"user name":     {identify, pdu.UserIdentity{Type: pdu.IdentityUsername, Answer: true, Primary: []byte("jane")}, []byte{}, false},
		"no wish":       {identify, pdu.UserIdentity{Type: pdu.IdentityUsername, Primary: []byte("jane")}, nil, false},
		"passcode":      {identify, pdu.UserIdentity{Type: pdu.IdentityPasscode, Answer: true, Primary: []byte("jane"), Secondary: []byte("x")}, []byte{}, false},
		"Kerberos":      {identify, pdu.UserIdentity{Type: pdu.IdentityKerberos, Answer: true, Primary: []byte("ticket")}, []byte("server ticket"), false},
		"SAML":          {identify, pdu.UserIdentity{Type: pdu.IdentitySAML, Answer: true, Primary: []byte("ticket")}, []byte("server ticket"), false},
		"JWT":           {identify, pdu.UserIdentity{Type: pdu.IdentityJWT, Answer: true, Primary: []byte("ticket")}, []byte("server ticket"), false},
		"not who it is": {identify, pdu.UserIdentity{Type: pdu.IdentityUsername, Primary: []byte("mallory")}, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := identified(t, &dimse.Server{Identify: test.identify}, &test.identity)
			var reject *dimse.RejectError
			if errors.As(err, &reject) != test.rejected || err != nil && !test.rejected {
				t.Fatal(err)
			}
			if err != nil {
				return
			}
			if diff := cmp.Diff(test.want, a.Peer().IdentityAnswer); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// identified associates and tells who we are.
func identified(t *testing.T, server *dimse.Server, identity *pdu.UserIdentity) (*dimse.Association, error) {
	t.Helper()
	dialer := dimse.Dialer{Address: serve(t, server), CallingAE: "USER", CalledAE: "PROVIDER", Identity: identity}
	a, err := dialer.Dial(testContext(t), []dimse.Proposal{propose(uid.Verification)})
	if err == nil {
		t.Cleanup(func() { _ = a.Release(testContext(t)) })
	}
	return a, err
}

func TestPositiveResponseReachesStorescu(t *testing.T) {
	server := &dimse.Server{
		Handlers: dimse.Handlers{Store: discard},
		Identify: func(dimse.AssociateRequest) ([]byte, error) { return nil, nil },
	}
	storescu(t, serve(t, server), "-usr jane -pwd secret -rsp", coded(t, uid.ExplicitLE)).Need(t)
}

func TestExtendedNegotiation(t *testing.T) {
	seen := make(chan dimse.Proposal, 1)
	server := &dimse.Server{
		Handlers: dimse.Handlers{Find: &finder{ended: make(chan error, 1)}},
		Admit:    func(r dimse.AssociateRequest) error { seen <- r.Proposals[0]; return nil },
		Extend:   func(p dimse.Proposal) []byte { return p.Extended[:1] },
	}
	relational := propose(uid.StudyRootFind)
	relational.Extended = []byte{1, 1, 0}
	relational.ServiceClass, relational.Related = "1.2.840.10008.4.2", []string{"1.2.3", "1.2.4"}
	a := dial(t, serve(t, server), relational, relational, propose(uid.Verification))
	if diff := cmp.Diff(relational, <-seen); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]byte{1}, a.Extended(uid.StudyRootFind)); diff != "" {
		t.Error(diff)
	}
	if a.Extended(uid.Verification) != nil {
		t.Error("an answer to what was not asked")
	}
}
