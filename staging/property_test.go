package staging_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"pacsbridge/staging"
)

// model is what several workers do to one ledger, at random, and what they know
// about it.
type model struct {
	*ledger
	staged   int
	hands    map[string][]*staging.Claim // claims of each worker, lost ones as well
	lost     map[*staging.Claim]bool
	migrated map[string]int // times a study was finished since it was opened last
}

var workers = []string{"node-1", "node-2", "node-3"}

func (m *model) worker(t *rapid.T) string { return rapid.SampledFrom(workers).Draw(t, "worker") }

// hand draws one of a worker's claims, mostly one it still holds, or ends the
// action.
func (m *model) hand(t *rapid.T) (string, *staging.Claim) {
	w := m.worker(t)
	claims := m.hands[w]
	held := slices.DeleteFunc(slices.Clone(claims), func(c *staging.Claim) bool { return m.lost[c] })
	if len(held) > 0 && rapid.IntRange(0, 3).Draw(t, "mood") > 0 {
		claims = held
	}
	if len(claims) == 0 {
		t.Skip("nothing in hand")
	}
	return w, claims[rapid.IntRange(0, len(claims)-1).Draw(t, "claim")]
}

// expect checks that a write came to what the model knows of its claim: one
// that was lost writes nothing, one that is held goes through.
func (m *model) expect(t *rapid.T, c *staging.Claim, err error) {
	if lost := errors.Is(err, staging.ErrLeaseLost); lost != m.lost[c] {
		t.Fatalf("study %s: the claim is lost: %v, the write says %v", c.Study().UID, m.lost[c], err)
	}
}

func (m *model) ended(c *staging.Claim, err error) {
	if err == nil {
		m.lost[c] = true
	}
}

// cutOff marks every claim whose study is not in its hand any more, by what the
// ledger itself says.
func (m *model) cutOff(t *rapid.T, all func(staging.Study) bool) {
	for _, claims := range m.hands {
		for _, c := range claims {
			s, _, err := m.Study(m.ctx, c.Study().UID)
			if err != nil {
				t.Fatal(err)
			}
			if all(s) {
				m.lost[c] = true
			}
		}
	}
}

func (m *model) actions() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"":          m.check,
		"stage":     m.stageSome,
		"feed":      m.feedSome,
		"claim":     m.claimOne,
		"heartbeat": func(t *rapid.T) { _, c := m.hand(t); m.expect(t, c, c.Heartbeat(m.ctx)) },
		"save":      m.saveSome,
		"advance":   m.advance,
		"step":      m.step,
		"carry":     m.carry,
		"claim too": m.claimOne,
		"finish":    m.finish,
		"fail": func(t *rapid.T) {
			_, c := m.hand(t)
			err := c.Fail(m.ctx, staging.Incomplete, "missing")
			m.expect(t, c, err)
			m.ended(c, err)
		},
		"return": func(t *rapid.T) {
			_, c := m.hand(t)
			err := c.Return(m.ctx, staging.Network, "cut", time.Duration(rapid.IntRange(0, 90).Draw(t, "after"))*time.Second, rapid.Bool().Draw(t, "keep"))
			m.expect(t, c, err)
			m.ended(c, err)
		},
		"time passes": func(t *rapid.T) { m.pass(time.Duration(rapid.IntRange(1, 50).Draw(t, "seconds")) * time.Second) },
		"reclaim":     m.reclaim,
		"retry": func(t *rapid.T) {
			if _, err := m.RetryFailed(m.ctx, staging.Scope{}, staging.RetryFilter{}); err != nil {
				t.Fatal(err)
			}
		},
	}
}

func (m *model) stageSome(t *rapid.T) {
	s := study(rapid.IntRange(0, 5).Draw(t, "study"))
	s.PatientID = fmt.Sprint("P", len(s.UID)%2, s.UID[len(s.UID)-1]) // some share a patient
	s.ListedInstances = rapid.IntRange(1, 4).Draw(t, "listed")
	got, err := m.StageStudies(m.ctx, 0, []staging.Study{s})
	if err != nil {
		t.Fatal(err)
	}
	m.staged += got.New
	if got.Reopened > 0 {
		m.migrated[s.UID] = 0
	}
}

func (m *model) feedSome(t *rapid.T) {
	if _, err := m.Feed(m.ctx, staging.FeedOptions{Node: m.worker(t), Room: 3, Lease: lease}); err != nil {
		t.Fatal(err)
	}
}

func (m *model) claimOne(t *rapid.T) {
	w, s := m.worker(t), study(rapid.IntRange(0, 5).Draw(t, "study"))
	known, _, err := m.Study(m.ctx, s.UID)
	if errors.Is(err, staging.ErrNotFound) {
		return
	}
	c, err := m.Claim(m.ctx, known.ID, w, lease)
	if (err == nil) != (known.State == staging.Queued) {
		t.Fatalf("claim of a study that is %s: %v", known.State, err)
	}
	if err == nil {
		m.hands[w] = append(m.hands[w], c)
	}
}

func (m *model) saveSome(t *rapid.T) {
	_, c := m.hand(t)
	items := instances(c.Study().UID, rapid.IntRange(1, 3).Draw(t, "items"))
	if rapid.Bool().Draw(t, "proven") {
		items = done(items)
	}
	m.expect(t, c, c.Save(m.ctx, items))
}

func (m *model) advance(t *rapid.T) {
	_, c := m.hand(t)
	before, _, _ := m.Study(m.ctx, c.Study().UID)
	to := rapid.SampledFrom([]staging.State{staging.Delivering, staging.Verifying, staging.Migrated}).Draw(t, "to")
	err := c.Advance(m.ctx, to)
	m.expect(t, c, err)
	if to == staging.Migrated && err == nil {
		t.Fatal("advanced to migrated")
	}
	may := before.State == to || staging.CanMove(before.State, to) // a step may be taken again
	if !m.lost[c] && to != staging.Migrated && (err == nil) != may {
		t.Fatalf("from %s to %s: %v", before.State, to, err)
	}
}

// step does what a worker does next when all goes well.
func (m *model) step(t *rapid.T) {
	_, c := m.hand(t)
	m.stepWith(t, c)
}

func (m *model) stepWith(t *rapid.T, c *staging.Claim) {
	s, items, err := m.Study(m.ctx, c.Study().UID)
	if err != nil {
		t.Fatal(err)
	}
	switch s.State {
	case staging.Collecting:
		m.expect(t, c, c.Advance(m.ctx, staging.Delivering, instances(s.UID, 2)...))
	case staging.Delivering:
		m.expect(t, c, c.Advance(m.ctx, staging.Verifying, done(items)...))
	case staging.Verifying:
		m.finishClaim(t, c)
	}
}

// carry goes several steps with one study, so that many come to their end.
func (m *model) carry(t *rapid.T) {
	_, c := m.hand(t)
	for range rapid.IntRange(1, 3).Draw(t, "steps") {
		m.stepWith(t, c)
	}
}

func (m *model) finish(t *rapid.T) {
	_, c := m.hand(t)
	m.finishClaim(t, c)
}

func (m *model) finishClaim(t *rapid.T, c *staging.Claim) {
	uid := c.Study().UID
	before, items, _ := m.Study(m.ctx, uid)
	open := 0
	for _, it := range items {
		if it.State != staging.ItemDone && it.State != staging.ItemSkipped {
			open++
		}
	}
	err := c.Finish(m.ctx)
	m.expect(t, c, err)
	m.ended(c, err)
	if err != nil {
		return
	}
	if m.migrated[uid]++; m.migrated[uid] > 1 || open > 0 || before.State != staging.Verifying {
		t.Fatalf("%s was finished for the %d. time, from %s with %d open items", uid, m.migrated[uid], before.State, open)
	}
}

func (m *model) reclaim(t *rapid.T) {
	w, all := m.worker(t), rapid.IntRange(0, 3).Draw(t, "all") == 0
	var err error
	if rapid.Bool().Draw(t, "expire") {
		_, err = m.Expire(m.ctx, 3*time.Minute)
	} else {
		_, err = m.Reclaim(m.ctx, w, all)
	}
	if err != nil {
		t.Fatal(err)
	}
	m.cutOff(t, func(s staging.Study) bool { return !s.State.InWork() })
}

// check is what holds after every action.
func (m *model) check(t *rapid.T) {
	if err := m.Audit(m.ctx); err != nil {
		t.Fatal(err)
	}
	status, err := m.Status(m.ctx, staging.Scope{})
	if err != nil {
		t.Fatal(err)
	}
	if status.Studies.Found() != m.staged {
		t.Fatalf("%d studies were staged, and the states add up to %d", m.staged, status.Studies.Found())
	}
}

func TestRandomInterleavingsKeepTheInvariants(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		rapid.Check(t, func(t *rapid.T) {
			for _, table := range []string{"items", "studies", "river_job"} {
				if err := l.Exec(l.ctx, "DELETE FROM "+table); err != nil {
					t.Fatal(err)
				}
			}
			m := &model{ledger: l, hands: map[string][]*staging.Claim{}, lost: map[*staging.Claim]bool{}, migrated: map[string]int{}}
			for range 3 {
				m.stageSome(t)
			}
			m.feedSome(t)
			t.Repeat(m.actions())
		})
	})
}
