package bridge_test

import (
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pacsbridge/bridge"
	"pacsbridge/dimse"
	"pacsbridge/dimse/dimsetest"
	"pacsbridge/dimse/uid"
	"pacsbridge/staging"
)

// mode is one way in which real archives misbehave, and what comes of it.
type mode struct {
	name    string
	studies int // 3 when zero
	arrange func(x *crossing)
	class   staging.Class              // of the victim; "" means: all arrives
	victims func(x *crossing) []string // what fails; the victim when nil
	check   func(x *crossing)
}

// byHand is the class of a mode whose check looks for the failed studies.
const byHand staging.Class = "by hand"

// victim is the instance that the faults of a table strike.
func victim(x *crossing) string { return x.victim().SOPInstance }

func (x *crossing) victim() dimsetest.Object { return x.old.Instances()[2] }

// meet runs the table: either all arrives, or exactly the victims fail for the
// given reason, and no run leaves anything open.
func meet(t *testing.T, modes []mode) {
	for _, m := range modes {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			studies := m.studies
			if studies == 0 {
				studies = 3
			}
			x := cross(t, studies)
			m.arrange(x)
			victims := []string{victim(x)}
			if m.victims != nil {
				victims = m.victims(x)
			}
			check(t, x.run())
			switch {
			case m.class != "" && m.class != byHand:
				x.wantFailed(m.class, victims...)
			case m.check == nil:
				x.wantAll()
			}
			if m.check != nil {
				m.check(x)
			}
			x.wantNoLie()
		})
	}
}

// wantNoLie demands that each item the ledger calls done stands at NEW, and that
// each instance of OLD is done or failed with a reason.
func (x *crossing) wantNoLie() {
	x.t.Helper()
	s := x.status()
	if open := s.Studies.ToMigrate + s.Studies.Queued + s.Studies.Collecting + s.Studies.Delivering + s.Studies.Verifying; open > 0 {
		x.t.Errorf("%d studies are at no end: %+v", open, s.Studies)
	}
	at, ended := x.new.Digests(), map[string]bool{}
	for line, err := range x.db.Report(x.t.Context(), staging.Scope{}) {
		check(x.t, err)
		_, there := at[line.UID]
		switch {
		case line.State == staging.ItemDone && line.Kind == staging.Instance && !there:
			x.t.Errorf("the ledger calls %s done, and NEW does not hold it", line.UID)
		case line.State == staging.ItemFailed && line.Reason == "":
			x.t.Errorf("%s failed without a reason", line.UID)
		}
		ended[line.UID] = line.State == staging.ItemDone || line.State == staging.ItemFailed
	}
	failed := map[string]bool{}
	for s, err := range x.db.Studies(x.t.Context(), staging.Scope{}) {
		check(x.t, err)
		failed[s.UID] = s.State == staging.Failed
	}
	for _, o := range x.old.Instances() {
		if !ended[o.SOPInstance] && !failed[o.StudyUID] {
			x.t.Errorf("instance %s of OLD came to no end", o.SOPInstance)
		}
	}
}

func (x *crossing) item(studyUID, sopInstance string) staging.Item {
	x.t.Helper()
	_, items, err := x.db.Study(x.t.Context(), studyUID)
	check(x.t, err)
	for _, it := range items {
		if it.UID == sopInstance {
			return it
		}
	}
	x.t.Fatalf("no item %s", sopInstance)
	return staging.Item{}
}

// wantWarning demands that all arrived, with this remark on the victim.
func wantWarning(words string) func(x *crossing) {
	return func(x *crossing) {
		x.wantAll()
		if it := x.item(x.victim().StudyUID, victim(x)); !strings.Contains(it.Warning, words) {
			x.t.Errorf("the warning of the victim is %q, want %q in it", it.Warning, words)
		}
	}
}

// answers makes NEW answer the victim's first stores with a status.
func answers(status dimse.Status, times int) func(x *crossing) {
	return func(x *crossing) {
		uid := victim(x)
		x.new.SetFaults(dimsetest.Faults{Store: dimsetest.StoreFaults{Status: func(sopInstance string, n int) dimse.Status {
			if sopInstance == uid && n <= times {
				return status
			}
			return dimse.StatusSuccess
		}}})
	}
}

// stores makes NEW misbehave in C-STORE.
func stores(faults func(only dimsetest.Pick) dimsetest.StoreFaults) func(x *crossing) {
	return func(x *crossing) {
		x.new.SetFaults(dimsetest.Faults{Store: faults(dimsetest.Only(victim(x)))})
	}
}

// refuses makes NEW refuse presentation contexts.
func refuses(which func(x *crossing, sopClass, syntax string) bool) func(x *crossing) {
	return func(x *crossing) {
		x.new.SetFaults(dimsetest.Faults{Association: dimsetest.AssociationFaults{RefuseContext: func(sopClass, syntax string) bool {
			return which(x, sopClass, syntax)
		}}})
	}
}

const always = 1 << 30

// wantSends demands how often the victim was sent to NEW.
func wantSends(n int) func(x *crossing) {
	return func(x *crossing) {
		if sent := x.sends(); sent != n {
			x.t.Errorf("the victim was sent %d times, want %d", sent, n)
		}
	}
}

// sends counts how often the victim came to NEW.
func (x *crossing) sends() int {
	sent := 0
	for _, a := range x.new.Arrivals() {
		if a.SOPInstance == victim(x) {
			sent++
		}
	}
	return sent
}

func TestFailureModesOfTheNewPACS(t *testing.T) {
	meet(t, []mode{
		{name: "A700 from the new PACS, for a while", arrange: answers(dimse.StatusOutOfResources, 4)},
		{name: "A700 from the new PACS, for ever", arrange: forEver(answers(dimse.StatusOutOfResources, always)), class: staging.PeerBusy},
		{name: "C000 once", arrange: answers(dimse.StatusCannotUnderstand, 1)},
		{name: "C000 for ever", arrange: answers(dimse.StatusCannotUnderstand, always), class: staging.TargetRefused, check: wantSends(2)},
		{name: "0110 for ever", arrange: answers(dimse.StatusProcessingFailure, always), class: staging.TargetRefused, check: wantSends(2)},
		{name: "0117 for ever", arrange: answers(dimse.StatusInvalidInstance, always), class: staging.TargetRefused, check: wantSends(2)},
		{name: "0122 once", arrange: answers(dimse.StatusSOPClassNotSupported, 1)},
		{name: "0122 for ever", arrange: answers(dimse.StatusSOPClassNotSupported, always), class: staging.TargetRefused, check: wantSends(2)},
		{name: "A900 for ever", arrange: answers(0xA900, always), class: staging.TargetRefused, check: wantSends(1)},
		{name: "0111 duplicate, and it is there", arrange: func(x *crossing) {
			check(x.t, x.new.Add(x.victim()))
			answers(dimse.StatusDuplicateInstance, always)(x)
		}, check: wantWarning("0111")},
		{name: "0111 duplicate, and it is not there", arrange: answers(dimse.StatusDuplicateInstance, always), class: staging.Mismatch},
		{name: "B000 warning", arrange: answers(dimse.StatusCoercion, always), check: wantWarning("B000")},
		{name: "B006 warning", arrange: answers(dimse.StatusElementsDiscarded, always), check: wantWarning("B006")},
		{name: "B007 warning", arrange: answers(dimse.StatusDataSetMismatch, always), check: wantWarning("B007")},
		{name: "no answer after storing", arrange: func(x *crossing) {
			x.impatiently()
			x.new.SetFaults(dimsetest.Faults{Store: dimsetest.StoreFaults{Mute: dimsetest.First(1, dimsetest.Only(victim(x)))}})
		}, check: wantWarning("no answer")},
		{name: "connection lost instead of an answer", arrange: stores(func(only dimsetest.Pick) dimsetest.StoreFaults {
			return dimsetest.StoreFaults{Drop: dimsetest.First(1, only)}
		}), check: wantWarning("no answer")},
		{name: "connection cut in the middle of a data set", arrange: stores(func(only dimsetest.Pick) dimsetest.StoreFaults {
			return dimsetest.StoreFaults{Cut: dimsetest.First(4, only)}
		})},
		{name: "success but not stored, once", arrange: stores(func(only dimsetest.Pick) dimsetest.StoreFaults {
			return dimsetest.StoreFaults{Forget: dimsetest.First(1, only)}
		})},
		{name: "success but not stored, always", arrange: stores(func(only dimsetest.Pick) dimsetest.StoreFaults {
			return dimsetest.StoreFaults{Forget: only}
		}), class: staging.Mismatch},
		{name: "new PACS refuses the class", class: staging.TargetRefused,
			arrange: refuses(func(x *crossing, class, _ string) bool { return class == x.victim().SOPClass }),
			victims: func(x *crossing) []string { return x.ofClass(x.victim().SOPClass) },
			check: func(x *crossing) {
				if it := x.item(x.victim().StudyUID, victim(x)); !strings.Contains(it.Reason, x.victim().SOPClass) {
					x.t.Errorf("the reason %q does not name the class", it.Reason)
				}
				wantSends(0)(x)
			}},
		{name: "new PACS refuses big endian, which nothing here re-encodes", studies: 12, class: staging.TargetRefused,
			arrange: refuses(func(_ *crossing, _, syntax string) bool { return syntax == uid.ExplicitBE }),
			victims: func(x *crossing) []string { return x.inSyntax(uid.ExplicitBE) }},
		{name: "new PACS cuts its lists short", arrange: func(x *crossing) {
			x.new.SetFaults(dimsetest.Faults{Find: dimsetest.FindFaults{Limit: 2, LimitStatus: dimse.StatusOutOfResources}})
		}},
		{name: "new PACS cuts its lists short, silently", arrange: func(x *crossing) {
			x.new.SetFaults(dimsetest.Faults{Find: dimsetest.FindFaults{Limit: 2}})
		}},
		{name: "new PACS is away for a while", arrange: func(x *crossing) {
			x.newLink(func(n int) dimsetest.LinkFault { return dimsetest.LinkFault{Kind: pickKind(n < 12, dimsetest.Refuse)} })
		}, check: allAtFirstAttempt},
		{name: "the link to the new PACS is reset again and again", arrange: func(x *crossing) {
			x.newLink(func(n int) dimsetest.LinkFault {
				return dimsetest.LinkFault{Kind: pickKind(n < 20 && n%2 == 0, dimsetest.Reset), After: int64(500 * n)}
			})
		}},
		{name: "the inbound link is reset in the middle of data sets", arrange: func(x *crossing) {
			x.inboundLink(func(n int) dimsetest.LinkFault {
				return dimsetest.LinkFault{Kind: pickKind(n < 8, dimsetest.Reset), After: int64(1500 * (n + 1))}
			})
		}},
		{name: "new PACS takes implicit VR only", studies: 6,
			arrange: refuses(func(_ *crossing, _, syntax string) bool { return syntax == uid.ExplicitLE }), check: wantValues},
		{name: "new PACS takes explicit VR only", studies: 6,
			arrange: refuses(func(_ *crossing, _, syntax string) bool { return syntax == uid.ImplicitLE }), check: wantValues},
	})
}

// ofClass lists the instances of OLD of a SOP class.
func (x *crossing) ofClass(sopClass string) []string {
	var uids []string
	for _, o := range x.old.Instances() {
		if o.SOPClass == sopClass {
			uids = append(uids, o.SOPInstance)
		}
	}
	return uids
}

// inSyntax lists the instances of OLD in a transfer syntax.
func (x *crossing) inSyntax(syntax string) []string {
	var uids []string
	for _, o := range x.old.Instances() {
		if o.TransferSyntax == syntax {
			uids = append(uids, o.SOPInstance)
		}
	}
	return uids
}

// pickKind is the fault where strike is true, else none.
func pickKind(strike bool, kind dimsetest.FaultKind) dimsetest.FaultKind {
	if strike {
		return kind
	}
	return dimsetest.NoFault
}

// newLink puts a faulty link between the bridge and NEW.
func (x *crossing) newLink(plan func(int) dimsetest.LinkFault) {
	link := must(dimsetest.NewLink(x.new.Peer().Address, plan))(x.t)
	x.links = append(x.links, link)
	x.migrator.Deliver.New.(*bridge.Peer).Dialer.Address = link.Address()
}

// inboundLink puts a faulty link between OLD and our Storage SCP.
func (x *crossing) inboundLink(plan func(int) dimsetest.LinkFault) {
	link := must(dimsetest.NewLink(x.address, plan))(x.t)
	x.links = append(x.links, link)
	x.old.AddDestination(ourAE, link.Address())
}

// wantValues demands that all instances are at NEW, and that those in another
// transfer syntax say so in the ledger.
func wantValues(x *crossing) {
	old, recoded := x.old.Digests(), 0
	for _, o := range x.new.Instances() {
		it := x.item(o.StudyUID, o.SOPInstance)
		same := it.TransferSyntax == o.TransferSyntax
		if !same {
			recoded++
		}
		if said := strings.Contains(it.Warning, "re-encoded"); said == same {
			x.t.Errorf("%s went from %s to %s, and the warning is %q", o.SOPInstance, it.TransferSyntax, o.TransferSyntax, it.Warning)
		}
		if it.SHA256 != old[o.SOPInstance] {
			x.t.Errorf("%s: the ledger's digest is not that of what OLD sent", o.SOPInstance)
		}
		delete(old, o.SOPInstance)
	}
	if len(old) > 0 || recoded == 0 {
		x.t.Errorf("%d instances did not arrive, %d were re-encoded", len(old), recoded)
	}
}

func TestMoreContextsThanOneAssociationHasAndPrivateClasses(t *testing.T) {
	x := cross(t, 1)
	var many []dimsetest.Object
	for i, o := range dimsetest.Study(77, dimsetest.StudyOptions{Date: "20260105", Instances: 150, Rows: 8}) {
		o.SOPClass = uid.Derive("private class", string(rune('a'+i)))
		many = append(many, o)
	}
	check(t, x.old.Add(many...))
	check(t, x.run())
	x.wantAll()
}

func TestABusyTargetIsAskedByOneStudyAtATime(t *testing.T) {
	x := cross(t, 12)
	var refused atomic.Int32
	x.new.SetFaults(dimsetest.Faults{Store: dimsetest.StoreFaults{Status: func(string, int) dimse.Status {
		if refused.Add(1) <= 40 {
			return dimse.StatusOutOfResources
		}
		return dimse.StatusSuccess
	}}})
	check(t, x.run())
	x.wantAll()
	var tries []int
	for s, err := range x.db.Studies(t.Context(), staging.Scope{}) {
		check(t, err)
		tries = append(tries, s.Attempts)
	}
	if diff := cmp.Diff(slices.Repeat([]int{1}, 12), tries); diff != "" {
		t.Errorf("attempts were used up (-want +got):\n%s", diff)
	}
}
