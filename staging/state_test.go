package staging_test

import (
	"strings"
	"testing"

	"pacsbridge/staging"
)

// way is how a study comes to a state from to-migrate.
var way = map[staging.State][]staging.State{
	staging.ToMigrate:  {},
	staging.Queued:     {staging.Queued},
	staging.Collecting: {staging.Queued, staging.Collecting},
	staging.Delivering: {staging.Queued, staging.Collecting, staging.Delivering},
	staging.Verifying:  {staging.Queued, staging.Collecting, staging.Delivering, staging.Verifying},
	staging.Migrated:   {staging.Queued, staging.Collecting, staging.Delivering, staging.Verifying, staging.Migrated},
	staging.Failed:     {staging.Queued, staging.Collecting, staging.Failed},
	staging.Skipped:    {staging.Skipped},
}

// allowed is the drawing of the package doc in words.
var allowed = map[staging.State]string{
	staging.ToMigrate:  "queued skipped",
	staging.Queued:     "to-migrate collecting",
	staging.Collecting: "to-migrate delivering failed skipped",
	staging.Delivering: "to-migrate verifying failed skipped",
	staging.Verifying:  "to-migrate migrated failed skipped",
	staging.Migrated:   "to-migrate",
	staging.Failed:     "to-migrate skipped",
	staging.Skipped:    "to-migrate",
}

// set moves a study by hand, with what each state asks for.
func (l *ledger) set(uid string, to staging.State) error {
	holder := ""
	if to == staging.Queued || to.InWork() {
		holder = node
	}
	return l.Exec(l.ctx, `UPDATE studies SET state = $2, node = $3, class = 'internal', reason = 'by hand' WHERE uid = $1`, uid, to, holder)
}

// Every pair of states is tried on the table in Go and on the database: both
// allow the same moves.
func TestEveryPairOfStates(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		for _, from := range staging.States {
			for _, to := range staging.States {
				may := strings.Contains(" "+allowed[from]+" ", " "+string(to)+" ")
				if staging.CanMove(from, to) != may {
					t.Errorf("%s to %s: the table says %v", from, to, !may)
				}
				uid := string(from) + " " + string(to)
				l.stage(t, staging.Study{UID: uid})
				for _, step := range way[from] {
					must(t, l.set(uid, step))
				}
				err := l.set(uid, to)
				if from != to && (err == nil) != may {
					t.Errorf("%s to %s: the database says %v", from, to, err)
				}
			}
		}
	})
}

func TestTheDatabaseRefusesWhatHasNoProof(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		l.stage(t, study(1), study(2))
		c := l.claim(t, "1.2.1")
		must(t, c.Expect(l.ctx, instances("1.2.1", 2)))
		must(t, c.Advance(l.ctx, staging.Delivering))
		must(t, c.Advance(l.ctx, staging.Verifying))
		for what, statement := range map[string]string{
			"a migrated study with open items":   `UPDATE studies SET state = 'migrated', node = '' WHERE uid = '1.2.1'`,
			"a done item that was not found":     `UPDATE items SET state = 'done'`,
			"a failed item without a class":      `UPDATE items SET state = 'failed'`,
			"a failed study without a reason":    `UPDATE studies SET state = 'failed', node = '' WHERE uid = '1.2.1'`,
			"a skipped study without a reason":   `UPDATE studies SET state = 'skipped', node = '' WHERE uid = '1.2.1'`,
			"a study in work without a holder":   `UPDATE studies SET node = '' WHERE uid = '1.2.1'`,
			"a study at its end with a holder":   `UPDATE studies SET state = 'failed', class = 'data', reason = 'x' WHERE uid = '1.2.1'`,
			"an unknown class":                   `UPDATE studies SET class = 'bad luck'`,
			"an unknown state":                   `UPDATE studies SET state = 'lost'`,
			"a study that begins as migrated":    `INSERT INTO studies (uid, kind, state, created_at, updated_at) VALUES ('x', 'images', 'migrated', 1, 1)`,
			"an item of no study":                `INSERT INTO items (study_id, kind, uid) VALUES (999, 'instance', '1')`,
			"an unknown kind of item":            `UPDATE items SET kind = 'rumour'`,
			"two studies of one UID":             `UPDATE studies SET uid = '1.2.1'`,
			"a negative number of attempts left": `UPDATE studies SET attempts = -1`,
		} {
			if err := l.Exec(l.ctx, statement); err == nil {
				t.Errorf("the database takes %s", what)
			}
		}
		l.audit(t)
	})
}
