package dimsetest

import (
	"bytes"
	"strconv"
	"time"

	"pacsbridge/dimse"
	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/uid"
)

// Faults are the ways in which an archive misbehaves; the zero value behaves.
// Each field is one habit seen in a real archive, and they combine.
type Faults struct {
	Association AssociationFaults
	Find        FindFaults
	Move        MoveFaults
	Store       StoreFaults
	Commit      CommitFaults
}

// AssociationFaults misbehave before anything is asked.
type AssociationFaults struct {
	// Admit may refuse the n-th association, counted from 1.
	Admit func(n int, request dimse.AssociateRequest) error
	// RefuseContext refuses a SOP class in a transfer syntax.
	RefuseContext func(sopClass, transferSyntax string) bool
}

// FindFaults misbehave in C-FIND.
type FindFaults struct {
	Refuse      Refusal                                        // instead of any answer
	RefuseQuery func(identifier *dataset.Dataset) dimse.Status // the same, by what is asked; success means to go on
	Limit       int                                            // answer at most so many; 0: no limit
	LimitStatus dimse.Status                                   // the final status where the limit struck; success is a silent limit
	IgnoreDates bool                                           // dates and times match everything
	Edit        func(rows []*dataset.Dataset) []*dataset.Dataset
	NoFinal     bool // never says that it is done
}

// MoveFaults misbehave in C-MOVE and C-GET. An instance can be picked by
// several of them; the first in this order strikes.
type MoveFaults struct {
	Refuse       Refusal       // instead of any sub-operation
	Withhold     Pick          // not sent, and counted as completed
	Fail         Pick          // not sent, counted as failed and named in the list
	Late         Pick          // sent after the final response, counted as completed
	LateBy       time.Duration // how long after it
	Twice        Pick          // sent two times
	Alter        Pick          // sent with other content under the same UID
	FreshUIDs    bool          // sent under a new SOP Instance UID at each retrieve
	Extra        []Object      // sent in addition: instances that nobody asked for
	AbortAfter   int           // cut the requestor's connection after so many sub-operations
	AbortMoves   int           // only in the first so many retrieves; 0: in all
	Status       dimse.Status  // final status instead of the true one, when not zero
	Success      bool          // the final response is success, without numbers, whatever happened
	OmitCounts   bool          // responses carry no numbers of sub-operations
	OmitList     bool          // the final response carries no list of failed instances
	NoFinal      bool          // never says that it is done
	IgnoreCancel bool          // goes on sending after C-CANCEL
}

// StoreFaults misbehave in C-STORE.
type StoreFaults struct {
	// Status answers a store; a failure means that the instance is not kept.
	Status func(sopInstance string, times int) dimse.Status
	Forget Pick // answered with success, and not kept
	Mute   Pick // kept, and never answered
	Drop   Pick // kept, and the connection cut instead of an answer
	Cut    Pick // the connection cut in the middle of the data set
}

// A Pick chooses instances. Times counts how often this one has come up, from 1.
type Pick func(sopInstance string, times int) bool

// Always picks every instance.
func Always(string, int) bool { return true }

// Only picks the given instances.
func Only(sopInstances ...string) Pick {
	set := map[string]bool{}
	for _, uid := range sopInstances {
		set[uid] = true
	}
	return func(sopInstance string, _ int) bool { return set[sopInstance] }
}

// First picks what pick picks, as long as it comes up no more than n times.
func First(n int, pick Pick) Pick {
	return func(sopInstance string, times int) bool { return times <= n && pick(sopInstance, times) }
}

func (p Pick) picks(sopInstance string, times int) bool { return p != nil && p(sopInstance, times) }

// A Refusal is the status that answers the n-th request, counted from 1;
// success means to go on.
type Refusal func(n int) dimse.Status

// RefuseFirst refuses the first n requests with a status.
func RefuseFirst(n int, status dimse.Status) Refusal {
	return func(i int) dimse.Status {
		if i <= n {
			return status
		}
		return dimse.StatusSuccess
	}
}

// as gives the refusal of request n as the error that answers it, if any.
func (r Refusal) as(service dimse.Service, n int) error {
	if r == nil {
		return nil
	}
	if status := r(n); status != dimse.StatusSuccess {
		return &dimse.StatusError{Service: service, Status: status, Comment: "scripted refusal"}
	}
	return nil
}

// refuses gives the refusal of a query as the error that answers it, if any.
func (f FindFaults) refuses(identifier *dataset.Dataset) error {
	if f.RefuseQuery == nil {
		return nil
	}
	if status := f.RefuseQuery(identifier); status != dimse.StatusSuccess {
		return &dimse.StatusError{Service: dimse.ServiceFind, Status: status, Comment: "scripted refusal"}
	}
	return nil
}

// SetFaults makes the archive misbehave from now on, and counts anew.
func (a *Archive) SetFaults(f Faults) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.faults = f
	clear(a.asked)
}

// asking is something that faults count: an instance, or "" for requests.
type asking struct {
	service     dimse.Service
	sopInstance string
}

// times counts how often something has come up, and gives the faults that hold now.
func (a *Archive) times(service dimse.Service, sopInstance string) (int, Faults) {
	a.mu.Lock()
	defer a.mu.Unlock()
	key := asking{service, sopInstance}
	a.asked[key]++
	return a.asked[key], a.faults
}

// altered is the same instance with its last byte changed.
func altered(o Object) Object {
	o.Data = bytes.Clone(o.Data)
	o.Data[len(o.Data)-1] ^= 0xFF
	return o
}

// renamed is the same instance under a UID that retrieve number n invents.
func renamed(o Object, n int) Object {
	d, err := dataset.Decode(o.Data, o.TransferSyntax)
	if err != nil {
		return o
	}
	o.SOPInstance = uid.Derive("dimsetest", o.SOPInstance, strconv.Itoa(n))
	d.SetString(dataset.SOPInstanceUID, o.SOPInstance)
	o.Data = encode(d, o.TransferSyntax)
	o.Size = int64(len(o.Data))
	return o
}
