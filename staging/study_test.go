package staging_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pacsbridge/staging"
)

// Nothing of a study may be given up by its node from its first claim to its end, however
// often it goes back.
func TestAStudyIsUnderWayFromItsClaimToItsEnd(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		var all []staging.Study
		for i := range 8 {
			all = append(all, study(i))
		}
		l.stage(t, all...)
		is := func(when, want string) {
			t.Helper()
			uids, err := l.UnderWay(l.ctx)
			must(t, err)
			slices.Sort(uids)
			if got := strings.ReplaceAll(strings.Join(uids, " "), "1.2.", ""); got != want {
				t.Errorf("%s, %s are under way, not %s", when, got, want)
			}
		}
		is("when staged", "")
		must(t, l.claim(t, "1.2.0").Fail(l.ctx, staging.Incomplete, "2 are missing"))
		must(t, l.claim(t, "1.2.1").Skip(l.ctx, "not wanted"))
		must(t, l.migrate(l.claim(t, "1.2.2"), instances("1.2.2", 2)))
		must(t, l.claim(t, "1.2.3").Return(l.ctx, staging.PeerBusy, "A700", time.Minute, true))
		l.delivered(t, "1.2.4")
		l.claim(t, "1.2.5")
		is("when queued and in hand", "3 4 5 6 7")
		l.pass(2 * time.Hour)
		must(t, ignoreCount(l.Reclaim(l.ctx, "other", false)))
		is("when their node has died", "3 4 5")
		must(t, ignoreCount(l.RetryFailed(l.ctx, staging.Scope{}, staging.RetryFilter{})))
		is("when the failed is tried again", "0 3 4 5")
	})
}
