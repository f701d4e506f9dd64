package dimse

// Context is a presentation context the peers agreed upon.
type Context struct {
	ID             byte
	SOPClass       string
	TransferSyntax string
}

// Proposal asks for one presentation context. A list of transfer syntaxes gets
// one of them, of the acceptor's choice; to have several, make several
// proposals.
type Proposal struct {
	SOPClass         string
	TransferSyntaxes []string
	// SCPRole asks for the provider's role as well, as C-GET needs for the
	// classes to be received (PS3.7 §D.3.3.4).
	SCPRole bool
	// NoSCURole gives up the user's role, as a provider does that opens an
	// association to report an event.
	NoSCURole bool
	// Extended is the service class application information of a SOP class
	// extended negotiation (PS3.7 §D.3.3.5); nil: none.
	Extended []byte
	// ServiceClass and Related are a SOP class common extended negotiation
	// (PS3.7 §D.3.3.6), which has no answer; "": none.
	ServiceClass string
	Related      []string
}

// Accepted lists the presentation contexts of a SOP class, in the order of
// their proposal.
func (a *Association) Accepted(sopClass string) []Context {
	var accepted []Context
	for _, c := range a.contexts {
		if c.SOPClass == sopClass {
			accepted = append(accepted, c)
		}
	}
	return accepted
}

// Context finds the presentation context of a SOP class in a transfer syntax.
func (a *Association) Context(sopClass, transferSyntax string) (Context, bool) {
	for _, c := range a.contexts {
		if c.SOPClass == sopClass && c.TransferSyntax == transferSyntax {
			return c, true
		}
	}
	return Context{}, false
}

func (a *Association) contextByID(id byte) (Context, bool) {
	for _, c := range a.contexts {
		if c.ID == id {
			return c, true
		}
	}
	return Context{}, false
}

// firstContext is the context for operations that do not care about the
// transfer syntax.
func (a *Association) firstContext(sopClass string) (Context, error) {
	for _, c := range a.contexts {
		if c.SOPClass == sopClass {
			return c, nil
		}
	}
	return Context{}, &NoContextError{SOPClass: sopClass}
}
