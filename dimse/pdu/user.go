package pdu

// Sub-item types of the user information item (PS3.8 annex D, PS3.7 annex D.3.3).
const (
	itemMaxLength             = 0x51
	itemImplementationUID     = 0x52
	itemAsyncWindow           = 0x53
	itemRole                  = 0x54
	itemImplementationVersion = 0x55
	itemExtended              = 0x56
	itemCommonExtended        = 0x57
	itemUserIdentity          = 0x58
	itemUserIdentityAnswer    = 0x59
)

// UserInformation is what the two DICOM applications tell each other beside
// the presentation contexts.
type UserInformation struct {
	MaxLength             *uint32 // longest P-DATA-TF body the sender takes, 0: any; nil: not told
	ImplementationUID     string
	ImplementationVersion string
	AsyncWindow           *AsyncWindow
	Roles                 []Role
	Extended              []Extended
	CommonExtended        []CommonExtended
	Identity              *UserIdentity
	IdentityAnswer        []byte // server response of an A-ASSOCIATE-AC; nil: none
	Unknown               []Item
}

// AsyncWindow is the asynchronous operations window (PS3.7 §D.3.3.3); 0 means
// without limit.
type AsyncWindow struct {
	Invoked   uint16
	Performed uint16
}

// Role is a SCP/SCU role selection (PS3.7 §D.3.3.4).
type Role struct {
	SOPClass string
	SCU, SCP bool
}

func (u *UserInformation) encode(e *encoder) {
	if u.MaxLength != nil {
		e.item(itemMaxLength, func() { e.uint32(*u.MaxLength) })
	}
	if u.ImplementationUID != "" {
		e.item(itemImplementationUID, func() { e.string(u.ImplementationUID) })
	}
	if u.AsyncWindow != nil {
		e.item(itemAsyncWindow, func() { e.uint16(u.AsyncWindow.Invoked); e.uint16(u.AsyncWindow.Performed) })
	}
	for _, r := range u.Roles {
		e.item(itemRole, func() { e.string16(r.SOPClass); e.byte(flag(r.SCU), flag(r.SCP)) })
	}
	if u.ImplementationVersion != "" {
		e.item(itemImplementationVersion, func() { e.string(u.ImplementationVersion) })
	}
	for i := range u.Extended {
		u.Extended[i].encode(e)
	}
	for i := range u.CommonExtended {
		u.CommonExtended[i].encode(e)
	}
	if u.Identity != nil {
		u.Identity.encode(e)
	}
	if u.IdentityAnswer != nil {
		e.item(itemUserIdentityAnswer, func() { e.string16(string(u.IdentityAnswer)) })
	}
	e.unknown(u.Unknown)
}

func (u *UserInformation) decode(d *decoder) {
	room := maxUserItems
	n := d.count()
	u.Roles = list[Role](n[itemRole])
	u.Extended = list[Extended](n[itemExtended])
	u.CommonExtended = list[CommonExtended](n[itemCommonExtended])
	u.Unknown = list[Item](n.unknown())
	for d.more() {
		if room--; room < 0 {
			d.fail("more than %d sub-items", maxUserItems)
			return
		}
		t, content := d.item()
		u.decodeItem(t, &content, &room)
		d.adopt(content, "sub-item")
	}
}

// decodeItem reads one sub-item; room is how many more may follow.
func (u *UserInformation) decodeItem(t byte, d *decoder, room *int) {
	switch t {
	case itemMaxLength:
		n := d.uint32()
		u.MaxLength = &n
	case itemImplementationUID:
		u.ImplementationUID = trimUID(d.rest)
	case itemAsyncWindow:
		u.AsyncWindow = &AsyncWindow{Invoked: d.uint16(), Performed: d.uint16()}
	case itemRole:
		u.Roles = append(u.Roles, Role{SOPClass: d.uid16(), SCU: d.byte() != 0, SCP: d.byte() != 0})
	case itemImplementationVersion:
		u.ImplementationVersion = trimTitle(d.rest)
	case itemExtended:
		u.Extended = append(u.Extended, Extended{SOPClass: d.uid16(), Information: clone(d.rest)})
	case itemCommonExtended:
		u.CommonExtended = append(u.CommonExtended, d.commonExtended(room))
	case itemUserIdentity:
		u.Identity = d.userIdentity()
	case itemUserIdentityAnswer:
		u.IdentityAnswer = append([]byte{}, d.bytes(int(d.uint16()))...)
	default:
		u.Unknown = append(u.Unknown, Item{Type: t, Data: clone(d.rest)})
	}
}

// list makes room for n things that were counted; none is nil.
func list[T any, N int | uint16](n N) []T {
	if n == 0 || n > maxUserItems {
		return nil
	}
	return make([]T, 0, n)
}

// unknown is how many of the items are of no type that has a name.
func (n *counts) unknown() (total int) {
	for t, n := range n {
		if t < itemMaxLength || t > itemUserIdentityAnswer {
			total += int(n)
		}
	}
	return total
}

func flag(b bool) byte {
	if b {
		return 1
	}
	return 0
}
