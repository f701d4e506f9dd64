package staging

import "strings"

// Scope says which studies a command means. The zero Scope means all.
type Scope struct {
	From      string   `json:"from,omitempty"`       // first day, "2026-01-31"; "" is open
	To        string   `json:"to,omitempty"`         // last day, included; "" is open
	StudyUIDs []string `json:"study_uids,omitempty"` // only these
	Undated   bool     `json:"undated,omitempty"`    // with a range: studies without a day as well
}

// scope restricts the query to the studies that s means; the studies' table is
// named t in it.
func (q *query) scope(t string, s Scope) {
	if len(s.StudyUIDs) > 0 {
		q.and(q.engine.in(t+".uid", q.list(s.StudyUIDs)))
	}
	var days []string
	if s.From != "" {
		days = append(days, t+".range_date >= "+q.arg(s.From))
	}
	if s.To != "" {
		days = append(days, t+".range_date <= "+q.arg(s.To))
	}
	if len(days) == 0 {
		return
	}
	days = append(days, t+".range_date <> ''")
	dated := strings.Join(days, " AND ")
	if s.Undated {
		dated = "(" + dated + " OR " + t + ".range_date = '')"
	}
	q.and(dated)
}
