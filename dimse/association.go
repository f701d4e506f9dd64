package dimse

// Context is a presentation context the peers agreed upon.
type Context struct {
	ID             byte
	SOPClass       string
	TransferSyntax string
}

// Proposal asks for one presentation context.
type Proposal struct {
	SOPClass         string
	TransferSyntaxes []string
	// SCPRole asks for the provider's role as well, as C-GET needs for the
	// classes to be received (PS3.7 §D.3.3.4).
	SCPRole bool
}

// Association is one association with a peer, as requestor or acceptor.
type Association struct{}
