package dimse

// negotiations counts the connections that have not yet associated.
type negotiations struct {
	all int
	of  map[string]int // by host
}

// begin counts one more of a host, unless there are too many.
func (n *negotiations) begin(host string) bool {
	if n.all >= maxNegotiating || n.of[host] >= maxNegotiatingOfHost {
		return false
	}
	n.all++
	n.of[host]++
	return true
}

// end is for each that was begun.
func (n *negotiations) end(host string) {
	n.all--
	if n.of[host]--; n.of[host] == 0 {
		delete(n.of, host)
	}
}
