package dimse

import (
	"slices"
	"strings"

	"pacsbridge/dimse/pdu"
	"pacsbridge/dimse/uid"
)

// queryRetrieve is the root of the query/retrieve classes (PS3.4 annex C). The
// last component says what they do.
const queryRetrieve = "1.2.840.10008.5.1.4.1.2."

// serviceOf says which service a SOP class belongs to. Whatever is neither
// verification nor query/retrieve is taken for storage: archives hold classes
// that no list has.
func serviceOf(sopClass string) Service {
	switch {
	case sopClass == uid.Verification:
		return ServiceEcho
	case sopClass == uid.ModalityWorklist:
		return ServiceFind
	case sopClass == uid.StorageCommitment:
		return ServiceCommitment
	case !strings.HasPrefix(sopClass, queryRetrieve):
		return ServiceStore
	case strings.HasSuffix(sopClass, ".1"):
		return ServiceFind
	case strings.HasSuffix(sopClass, ".2"):
		return ServiceMove
	default:
		return ServiceGet
	}
}

// performs says whether there is a handler for a service.
func (h *Handlers) performs(service Service) bool {
	switch service {
	case ServiceEcho:
		return true
	case ServiceStore:
		return h.Store != nil
	case ServiceFind:
		return h.Find != nil
	case ServiceMove:
		return h.Move != nil
	case ServiceCommitment:
		return h.Action != nil || h.Event != nil
	default:
		return h.Get != nil
	}
}

// ChooseSyntax takes one of the transfer syntaxes proposed: the first, which is
// the one the proposer likes best, but of the uncompressed ones explicit VR
// little endian before the others, because values keep their VR in it. It
// returns "" when there is none.
func ChooseSyntax(proposed []string) string {
	if len(proposed) == 0 {
		return ""
	}
	first := proposed[0]
	plain := first == uid.ImplicitLE || first == uid.ExplicitBE
	if plain && slices.Contains(proposed, uid.ExplicitLE) {
		return uid.ExplicitLE
	}
	if first == uid.ExplicitBE && slices.Contains(proposed, uid.ImplicitLE) {
		return uid.ImplicitLE
	}
	return first
}

// chooseQuerySyntax leaves out the syntaxes that make no sense for identifiers.
func chooseQuerySyntax(proposed []string) string {
	var plain []string
	for _, syntax := range proposed {
		if s, known := uid.SyntaxOf(syntax); known && !s.Encapsulated && !s.Deflated {
			plain = append(plain, syntax)
		}
	}
	return ChooseSyntax(plain)
}

// answerContexts decides about every presentation context (PS3.8 §7.1.1.13).
func (s *serving) answerContexts(a *Association, request *pdu.AssociateRQ, proposals []Proposal, answer *pdu.AssociateAC) {
	for i, c := range request.Contexts {
		_, twice := a.contextByID(c.ID)
		result, syntax := pdu.NoReason, ""
		if c.ID%2 == 1 && !twice {
			result, syntax = s.answerContext(proposals[i])
		}
		if result == pdu.Acceptance {
			a.contexts = append(a.contexts, Context{ID: c.ID, SOPClass: c.AbstractSyntax, TransferSyntax: syntax})
		} else if len(c.TransferSyntaxes) > 0 {
			syntax = c.TransferSyntaxes[0] // has no meaning, but must be a name
		}
		answer.Contexts = append(answer.Contexts, pdu.AnsweredContext{ID: c.ID, Result: result, TransferSyntax: syntax})
	}
	answer.User.Roles = s.answerRoles(request.User.Roles)
}

func (s *serving) answerContext(p Proposal) (pdu.ContextResult, string) {
	if s.AcceptContext != nil {
		if syntax, ok := s.AcceptContext(p); ok {
			return pdu.Acceptance, syntax
		}
		return pdu.UserRejection, ""
	}
	service := serviceOf(p.SOPClass)
	sends := p.SCPRole && s.Handlers.Get != nil // instances of this class go the other way
	if !s.Handlers.performs(service) && !sends {
		return pdu.AbstractSyntaxNotSupported, ""
	}
	choose := ChooseSyntax
	if service != ServiceStore {
		choose = chooseQuerySyntax
	}
	if syntax := choose(p.TransferSyntaxes); syntax != "" {
		return pdu.Acceptance, syntax
	}
	return pdu.TransferSyntaxesNotSupported, ""
}

// answerRoles agrees that the requestor is the provider of what a C-GET of its
// receives, or of a commitment it reports, and keeps its role as user otherwise
// (PS3.7 §D.3.3.4).
func (s *serving) answerRoles(asked []pdu.Role) []pdu.Role {
	var answer []pdu.Role
	for _, r := range asked {
		provides, uses := s.Handlers.Get != nil, true
		if r.SOPClass == uid.StorageCommitment {
			provides, uses = s.Handlers.Event != nil, s.Handlers.Action != nil
		}
		answer = append(answer, pdu.Role{SOPClass: r.SOPClass, SCU: r.SCU && uses, SCP: r.SCP && provides})
	}
	return answer
}
