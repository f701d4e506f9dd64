package pdu

// UserIdentity tells who asks for the association (PS3.7 §D.3.3.7). Its fields
// may be secrets: they are not for logs.
type UserIdentity struct {
	Type      IdentityType
	Answer    bool // a positive response is requested
	Primary   []byte
	Secondary []byte // the passcode when Type is IdentityPasscode
}

// IdentityType is the form of a user identity.
type IdentityType byte

// Forms of PS3.7 table D.3-14.
const (
	IdentityUsername IdentityType = 1
	IdentityPasscode IdentityType = 2
	IdentityKerberos IdentityType = 3
	IdentitySAML     IdentityType = 4
	IdentityJWT      IdentityType = 5
)

func (u *UserIdentity) encode(e *encoder) {
	e.item(itemUserIdentity, func() {
		e.byte(byte(u.Type), flag(u.Answer))
		e.string16(string(u.Primary))
		e.string16(string(u.Secondary))
	})
}

func (d *decoder) userIdentity() *UserIdentity {
	return &UserIdentity{
		Type:      IdentityType(d.byte()),
		Answer:    d.byte() != 0,
		Primary:   d.bytes16(),
		Secondary: d.bytes16(),
	}
}
