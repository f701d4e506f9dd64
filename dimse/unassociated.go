package dimse

// unassociated counts the connections without an association: those that have
// not yet associated, and those whose association has ended before them.
type unassociated struct {
	all int
	of  map[string]int // by host
}

// begin counts one more of a host, unless there are too many.
func (n *unassociated) begin(host string) bool {
	if n.all >= maxUnassociated || n.of[host] >= maxUnassociatedOfHost {
		return false
	}
	n.add(host)
	return true
}

// add counts one more in any case.
func (n *unassociated) add(host string) {
	n.all++
	n.of[host]++
}

// end is for each that was begun or added.
func (n *unassociated) end(host string) {
	n.all--
	if n.of[host]--; n.of[host] == 0 {
		delete(n.of, host)
	}
}
