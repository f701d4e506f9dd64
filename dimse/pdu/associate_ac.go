package pdu

// AssociateAC accepts an association (PS3.8 §9.3.3).
type AssociateAC struct {
	Version            uint16
	CalledAE           string   // as in the request; not to be tested by its receiver
	CallingAE          string   // likewise
	Reserved           [32]byte // likewise
	ApplicationContext string
	Contexts           []AnsweredContext
	User               UserInformation
	Unknown            []Item
}

// AnsweredContext is a presentation context item of an A-ASSOCIATE-AC (PS3.8
// §9.3.3.2). TransferSyntax has a meaning only when Result is Acceptance.
type AnsweredContext struct {
	ID             byte
	Result         ContextResult
	TransferSyntax string
}

// ContextResult says what became of a proposed presentation context.
type ContextResult byte

// Results of PS3.8 table 9-18.
const (
	Acceptance                   ContextResult = 0
	UserRejection                ContextResult = 1
	NoReason                     ContextResult = 2
	AbstractSyntaxNotSupported   ContextResult = 3
	TransferSyntaxesNotSupported ContextResult = 4
)

// AppendTo appends the PDU with its header.
func (p *AssociateAC) AppendTo(dst []byte) ([]byte, error) {
	return appendPDU(dst, TypeAssociateAC, func(e *encoder) {
		e.associateHeader(p.Version, p.CalledAE, p.CallingAE, p.Reserved)
		e.item(itemApplicationContext, func() { e.string(p.ApplicationContext) })
		for _, c := range p.Contexts {
			e.item(itemContextAC, func() {
				e.byte(c.ID, 0, byte(c.Result), 0)
				e.item(itemTransferSyntax, func() { e.string(c.TransferSyntax) })
			})
		}
		e.item(itemUserInformation, func() { p.User.encode(e) })
		e.unknown(p.Unknown)
	})
}

func (p *AssociateAC) decode(d *decoder) {
	p.Version, p.CalledAE, p.CallingAE, p.Reserved = d.associateHeader()
	for d.more() {
		t, content := d.item()
		switch t {
		case itemApplicationContext:
			p.ApplicationContext = trimUID(content.rest)
		case itemContextAC:
			if len(p.Contexts) == MaxContexts {
				d.fail("more than %d presentation contexts", MaxContexts)
				return
			}
			p.Contexts = append(p.Contexts, content.answeredContext())
			d.adopt(content, "presentation context")
		case itemUserInformation:
			p.User.decode(&content)
			d.adopt(content, "user information")
		default:
			p.Unknown = d.keep(p.Unknown, t, content)
		}
	}
}

func (d *decoder) answeredContext() AnsweredContext {
	c := AnsweredContext{ID: d.byte()}
	d.byte()
	c.Result = ContextResult(d.byte())
	d.byte()
	for d.more() {
		if t, content := d.item(); t == itemTransferSyntax {
			c.TransferSyntax = trimUID(content.rest)
		}
	}
	return c
}
