package pdu

import "strings"

// ProtocolVersion is the only version of the upper layer protocol; it is a bit
// field, so that its lowest bit counts alone (PS3.8 §9.3.2).
const ProtocolVersion uint16 = 1

// ApplicationContext is the DICOM application context name (PS3.7 annex A.2.1).
const ApplicationContext = "1.2.840.10008.3.1.1.1"

// Item types of A-ASSOCIATE-RQ and -AC.
const (
	itemApplicationContext = 0x10
	itemContextRQ          = 0x20
	itemContextAC          = 0x21
	itemAbstractSyntax     = 0x30
	itemTransferSyntax     = 0x40
	itemUserInformation    = 0x50
)

// AssociateRQ asks for an association (PS3.8 §9.3.2).
type AssociateRQ struct {
	Version            uint16
	CalledAE           string
	CallingAE          string
	Reserved           [32]byte // returned unchanged in A-ASSOCIATE-AC
	ApplicationContext string
	Contexts           []ProposedContext
	User               UserInformation
	Unknown            []Item
}

// ProposedContext is a presentation context item of an A-ASSOCIATE-RQ (PS3.8
// §9.3.2.2).
type ProposedContext struct {
	ID               byte
	AbstractSyntax   string
	TransferSyntaxes []string
}

// AppendTo appends the PDU with its header.
func (p *AssociateRQ) AppendTo(dst []byte) ([]byte, error) {
	return appendPDU(dst, TypeAssociateRQ, func(e *encoder) {
		e.associateHeader(p.Version, p.CalledAE, p.CallingAE, p.Reserved)
		e.item(itemApplicationContext, func() { e.string(p.ApplicationContext) })
		for _, c := range p.Contexts {
			e.proposedContext(c)
		}
		e.item(itemUserInformation, func() { p.User.encode(e) })
		e.unknown(p.Unknown)
	})
}

// associateHeader writes what A-ASSOCIATE-RQ and -AC have in common.
func (e *encoder) associateHeader(version uint16, called, calling string, reserved [32]byte) {
	e.uint16(version)
	e.uint16(0)
	e.title(called)
	e.title(calling)
	e.byte(reserved[:]...)
}

func (e *encoder) proposedContext(c ProposedContext) {
	e.item(itemContextRQ, func() {
		e.byte(c.ID, 0, 0, 0)
		e.item(itemAbstractSyntax, func() { e.string(c.AbstractSyntax) })
		for _, syntax := range c.TransferSyntaxes {
			e.item(itemTransferSyntax, func() { e.string(syntax) })
		}
	})
}

func (p *AssociateRQ) decode(d *decoder) {
	p.Version, p.CalledAE, p.CallingAE, p.Reserved = d.associateHeader()
	syntaxes := maxSyntaxes
	for d.more() {
		t, content := d.item()
		switch t {
		case itemApplicationContext:
			p.ApplicationContext = trimUID(content.rest)
		case itemContextRQ:
			if len(p.Contexts) == MaxContexts {
				d.fail("more than %d presentation contexts", MaxContexts)
				return
			}
			syntaxes += len(content.rest) / bytesOfSyntax
			p.Contexts = append(p.Contexts, content.proposedContext(&syntaxes))
			d.adopt(content, "presentation context")
		case itemUserInformation:
			p.User.decode(&content)
			d.adopt(content, "user information")
		default:
			p.Unknown = d.keep(p.Unknown, t, content)
		}
	}
}

// associateHeaderLength is what stands before the items.
const associateHeaderLength = 68

// associateHeader reads what A-ASSOCIATE-RQ and -AC have in common.
func (d *decoder) associateHeader() (version uint16, called, calling string, reserved [32]byte) {
	h := decoder{rest: d.bytes(associateHeaderLength), err: d.err}
	version = h.uint16()
	h.uint16()
	called = trimTitle(h.bytes(16))
	calling = trimTitle(h.bytes(16))
	copy(reserved[:], h.bytes(32))
	return version, called, calling, reserved
}

// proposedContext reads a context of at most room transfer syntaxes, which it
// counts first: a list that grows would take twice the memory. For the same
// reason all names are parts of one text.
func (d *decoder) proposedContext(room *int) ProposedContext {
	c := ProposedContext{ID: d.byte()}
	d.bytes(3)
	text := string(d.rest)
	items := d.count()
	n := int(items[itemTransferSyntax])
	if *room -= n; *room < 0 {
		d.fail("more transfer syntaxes than %d and one for each %d bytes", maxSyntaxes, bytesOfSyntax)
		return c
	}
	if n > 0 {
		c.TransferSyntaxes = make([]string, 0, n)
	}
	for d.more() {
		t, content := d.item()
		end := len(text) - len(d.rest)
		name := strings.TrimRight(text[end-len(content.rest):end], uidPadding)
		switch t {
		case itemAbstractSyntax:
			c.AbstractSyntax = name
		case itemTransferSyntax:
			c.TransferSyntaxes = append(c.TransferSyntaxes, name)
		}
	}
	return c
}

// keep adds an item of unknown type to those kept.
func (d *decoder) keep(items []Item, t byte, content decoder) []Item {
	if len(items) == maxUnknownItems {
		d.fail("more than %d items of unknown type", maxUnknownItems)
	}
	if d.err != nil {
		return items
	}
	return append(items, Item{Type: t, Data: clone(content.rest)})
}
