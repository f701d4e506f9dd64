package staging

import (
	"fmt"
	"strings"
)

// State is where a study stands on its way from OLD to NEW.
type State string

// The states of a study, in the order of its life.
const (
	ToMigrate  State = "to-migrate"
	Queued     State = "queued"
	Collecting State = "collecting"
	Delivering State = "delivering"
	Verifying  State = "verifying"
	Migrated   State = "migrated"
	Failed     State = "failed"
	Skipped    State = "skipped"
)

// States lists every state in the order of a study's life.
var States = []State{ToMigrate, Queued, Collecting, Delivering, Verifying, Migrated, Failed, Skipped}

// moves is the table of allowed moves: from a state to the states that may
// follow it. The table study_moves of the schema holds the same pairs and a
// trigger refuses every other; a test compares the two over all pairs.
var moves = map[State][]State{
	ToMigrate:  {Queued, Skipped},
	Queued:     {Collecting, ToMigrate},
	Collecting: {Delivering, ToMigrate, Failed, Skipped},
	Delivering: {Verifying, ToMigrate, Failed, Skipped},
	Verifying:  {Migrated, ToMigrate, Failed, Skipped},
	Migrated:   {ToMigrate},
	Failed:     {ToMigrate, Skipped},
	Skipped:    {ToMigrate},
}

// CanMove reports whether a study may go from one state to another. Staying is
// no move.
func CanMove(from, to State) bool {
	for _, next := range moves[from] {
		if next == to {
			return true
		}
	}
	return false
}

// InWork reports whether a worker holds the study.
func (s State) InWork() bool { return s == Collecting || s == Delivering || s == Verifying }

// The same as conditions. inHand is spelled as the partial indexes spell it: an
// engine uses them only for a query that says the same, so a query about some of
// these states says inHand first.
const (
	inWork = `state IN ('collecting', 'delivering', 'verifying')`
	inHand = `state IN ('queued', 'collecting', 'delivering', 'verifying')`
)

// mayMove is the condition that a study in work may go to a state next.
func mayMove(to State) string {
	var from []string
	for _, state := range States {
		if state.InWork() && CanMove(state, to) {
			from = append(from, string(state))
		}
	}
	return "state IN ('" + strings.Join(from, "', '") + "')"
}

// Final reports whether nothing more will happen to the study by itself.
func (s State) Final() bool { return s == Migrated || s == Failed || s == Skipped }

// MoveError says that a study was asked to make a move that the table of moves
// does not hold.
type MoveError struct{ From, To State }

func (e *MoveError) Error() string {
	return fmt.Sprintf("a study cannot go from %s to %s", e.From, e.To)
}

// Temporary reports false: the same move will be refused again.
func (e *MoveError) Temporary() bool { return false }
