package dimse

import (
	"bytes"
	"slices"

	"pacsbridge/dimse/pdu"
)

// propose puts what a proposal asks for beside its presentation context into
// the user information (PS3.7 §D.3.3.4 to §D.3.3.6), once for each SOP class.
func propose(user *pdu.UserInformation, p Proposal) {
	role := pdu.Role{SOPClass: p.SOPClass, SCU: !p.NoSCURole, SCP: p.SCPRole}
	if p.SCPRole && !slices.Contains(user.Roles, role) {
		user.Roles = append(user.Roles, role)
	}
	if p.Extended != nil && extendedOf(user.Extended, p.SOPClass) == nil {
		user.Extended = append(user.Extended, pdu.Extended{SOPClass: p.SOPClass, Information: p.Extended})
	}
	known := func(x pdu.CommonExtended) bool { return x.SOPClass == p.SOPClass }
	if p.ServiceClass != "" && !slices.ContainsFunc(user.CommonExtended, known) {
		user.CommonExtended = append(user.CommonExtended, pdu.CommonExtended{
			SOPClass: p.SOPClass, ServiceClass: p.ServiceClass, Related: p.Related,
		})
	}
}

// proposalsOf is the other way: what a peer proposes.
func proposalsOf(request *pdu.AssociateRQ) []Proposal {
	proposals := make([]Proposal, len(request.Contexts))
	for i, c := range request.Contexts {
		p := Proposal{SOPClass: c.AbstractSyntax, TransferSyntaxes: c.TransferSyntaxes}
		p.Extended = extendedOf(request.User.Extended, p.SOPClass)
		for _, role := range request.User.Roles {
			if role.SOPClass == p.SOPClass {
				p.SCPRole, p.NoSCURole = role.SCP, !role.SCU
			}
		}
		for _, x := range request.User.CommonExtended {
			if x.SOPClass == p.SOPClass {
				p.ServiceClass, p.Related = x.ServiceClass, x.Related
			}
		}
		proposals[i] = p
	}
	return proposals
}

// extendedOf finds the information about a SOP class, which may be empty; nil
// when there is none.
func extendedOf(items []pdu.Extended, sopClass string) []byte {
	for _, x := range items {
		if x.SOPClass == sopClass {
			return append([]byte{}, x.Information...)
		}
	}
	return nil
}

// answerExtended asks the hook about every SOP class that is accepted and has an
// extended negotiation.
func (s *serving) answerExtended(a *Association, proposals []Proposal, answer *pdu.AssociateAC) {
	for _, p := range proposals {
		if s.Extend == nil || p.Extended == nil || len(a.Accepted(p.SOPClass)) == 0 ||
			extendedOf(answer.User.Extended, p.SOPClass) != nil {
			continue
		}
		if information := s.Extend(p); information != nil {
			answer.User.Extended = append(answer.User.Extended, pdu.Extended{SOPClass: p.SOPClass, Information: information})
		}
	}
}

// Extended is what the peer told of a SOP class in its extended negotiation:
// the acceptor's answer, or the requestor's proposal. nil: nothing.
func (a *Association) Extended(sopClass string) []byte {
	return bytes.Clone(extendedOf(a.extended, sopClass))
}

// declined says whether the acceptor has refused us the provider's role. One
// that does not answer a role selection at all is given the benefit of the
// doubt, since many forget it.
func (a *Association) declined(sopClass string) bool {
	for _, role := range a.roles {
		if role.SOPClass == sopClass {
			return !role.SCP
		}
	}
	return false
}
