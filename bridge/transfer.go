package bridge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"pacsbridge/dimse"
	"pacsbridge/dimse/uid"
)

// maxContexts is how many presentation contexts one association can hold: their
// IDs are the odd numbers of a byte (PS3.8 §9.3.2.2).
const maxContexts = 128

// Parcel is one object on its way to NEW.
type Parcel struct {
	SOPClass, SOPInstance, TransferSyntax string
	Size                                  int64
	Open                                  func() (io.ReadCloser, error) // its data set, from the first byte
	Again                                 bool                          // it was sent before and goes on a fresh association now
	AsIs                                  bool                          // it is never decompressed

	note string // what was done to it on the way, in words
	sent *Sent  // how it differs from what was received, known once it was opened
}

// Receipt is what NEW answered for one parcel.
type Receipt struct {
	SOPInstance string
	Warning     string // NEW stored it with a warning (B000, B006, B007), or in another syntax, in words
	Sent        *Sent  // what was sent, where that is not what was received
	Err         error  // nil: NEW says that it has stored it
}

// Target takes objects in.
type Target interface {
	// Store sends the parcels and hands over one receipt for each that it tried,
	// from several goroutines. The error is why some were not tried.
	Store(ctx context.Context, parcels []Parcel, receipt func(Receipt)) error
}

// Store sends the parcels to NEW by C-STORE, on as many associations as are free.
// Contexts are planned from the parcels: each one names a SOP class and the
// transfer syntax its data sets are in. What NEW refuses in that syntax is sent in
// one that says the same, where there is one, or decompressed, where there is a program
// for that; else it fails as a group, unsent.
func (p *Peer) Store(ctx context.Context, parcels []Parcel, receipt func(Receipt)) error {
	if slices.ContainsFunc(parcels, func(parcel Parcel) bool { return parcel.Again }) {
		if err := p.releaseIdle(ctx); err != nil {
			p.Logger.Debug("end of association", "peer", p.Name, "error", err)
		}
	}
	refused := &refusals{}
	if err := p.storeAll(ctx, parcels, receipt, refused); err != nil {
		return err
	}
	return p.storeOtherwise(ctx, refused.take(), receipt)
}

func (p *Peer) storeAll(ctx context.Context, parcels []Parcel, receipt func(Receipt), refused *refusals) error {
	for _, load := range loads(parcels) {
		if err := p.storeLoad(ctx, load, receipt, refused); err != nil {
			return err
		}
	}
	return nil
}

// storeOtherwise sends in another transfer syntax what NEW refused in its own, and
// gives receipts for what it refuses in any.
func (p *Peer) storeOtherwise(ctx context.Context, refused []Parcel, receipt func(Receipt)) error {
	original := map[string]Parcel{}
	for hop := 0; len(refused) > 0; hop++ {
		var others []Parcel
		var hopeless []Parcel
		for _, parcel := range refused {
			if _, known := original[parcel.SOPInstance]; !known {
				original[parcel.SOPInstance] = parcel
			}
			first := original[parcel.SOPInstance]
			if syntaxes := alternatives[first.TransferSyntax]; hop < len(syntaxes) {
				others = append(others, recoded(first, syntaxes[hop]))
			} else {
				hopeless = append(hopeless, first)
			}
		}
		if err := p.storeDecompressed(ctx, hopeless, receipt); err != nil {
			return err
		}
		again := &refusals{}
		if err := p.storeAll(ctx, p.proven(others, original, receipt), receipt, again); err != nil {
			return err
		}
		refused = again.take()
	}
	return nil
}

// proven are the re-encoded parcels that keep their values.
func (p *Peer) proven(others []Parcel, original map[string]Parcel, receipt func(Receipt)) []Parcel {
	var same []Parcel
	for _, other := range others {
		note, err := sameValues(original[other.SOPInstance], other)
		if err != nil {
			receipt(Receipt{SOPInstance: other.SOPInstance, Err: err})
			continue
		}
		other.note = note
		same = append(same, other)
	}
	return same
}

// refuse gives the receipts of parcels that NEW takes in no syntax we can send
// them in: one reason for each SOP class and syntax.
func (p *Peer) refuse(parcels []Parcel, receipt func(Receipt)) {
	counts := map[[2]string]int{}
	for _, parcel := range parcels {
		counts[[2]string{parcel.SOPClass, parcel.TransferSyntax}]++
	}
	for _, parcel := range parcels {
		receipt(Receipt{SOPInstance: parcel.SOPInstance, Err: p.named(&RefusedClassError{SOPClass: parcel.SOPClass,
			TransferSyntax: parcel.TransferSyntax, Objects: counts[[2]string{parcel.SOPClass, parcel.TransferSyntax}]})})
	}
}

// RefusedClassError names a SOP class that NEW takes in no transfer syntax in which
// it can be sent. None of its objects was sent.
type RefusedClassError struct {
	SOPClass, TransferSyntax string
	Objects                  int // of the study
}

func (e *RefusedClassError) Error() string {
	return fmt.Sprintf("no presentation context accepted for %s (%s) in %s (%s); %d objects of the study are in it",
		uid.Name(e.SOPClass), e.SOPClass, uid.Name(e.TransferSyntax), e.TransferSyntax, e.Objects)
}

// Unwrap is the same as the protocol says it.
func (e *RefusedClassError) Unwrap() error {
	return &dimse.NoContextError{SOPClass: e.SOPClass, TransferSyntax: e.TransferSyntax}
}

// Temporary is false: the same proposal gets the same answer.
func (e *RefusedClassError) Temporary() bool { return false }

// refusals gathers parcels for which NEW accepted no context.
type refusals struct {
	mu      sync.Mutex
	parcels []Parcel
}

func (r *refusals) add(parcel Parcel) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.parcels = append(r.parcels, parcel)
}

func (r *refusals) take() []Parcel {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.parcels
}

// load is what one association can carry: parcels of at most 128 contexts.
type load struct {
	proposals []dimse.Proposal
	parcels   []Parcel
}

// loads splits parcels so that no load needs more contexts than an association has.
func loads(parcels []Parcel) []load {
	var all []load
	at := map[[2]string]int{}
	for _, parcel := range parcels {
		key := [2]string{parcel.SOPClass, parcel.TransferSyntax}
		n, planned := at[key]
		if !planned {
			if len(all) == 0 || len(all[len(all)-1].proposals) == maxContexts {
				// The query that proves what was stored needs no association of its own then.
				all = append(all, load{proposals: contexts(forQueries)})
			}
			n = len(all) - 1
			at[key] = n
			all[n].proposals = append(all[n].proposals, dimse.Proposal{SOPClass: key[0], TransferSyntaxes: []string{key[1]}})
		}
		all[n].parcels = append(all[n].parcels, parcel)
	}
	return all
}

// storeLoad works a load off on one association that it waits for, and on further
// ones, before any that another study asks for after this one, while there is enough
// to send. A further one that cannot be opened or is lost only makes it slower.
func (p *Peer) storeLoad(ctx context.Context, l load, receipt func(Receipt), refused *refusals) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	queue := make(chan Parcel)
	wanted, enough := context.WithCancel(ctx)
	go func() {
		feed(ctx, queue, l.parcels)
		enough()
	}()

	work := func(a *dimse.Association) error {
		var window errgroup.Group // as many at once as this association was granted
		for range a.Peer().AsyncWindow {
			window.Go(func() error { return p.storeFrom(ctx, a, queue, receipt, refused) })
		}
		return window.Wait()
	}
	var further sync.WaitGroup
	for range min(p.Associations, len(l.parcels)) - 1 {
		further.Go(func() {
			if err := p.withWanted(ctx, wanted, l.proposals, work); err != nil {
				p.Logger.Warn("further association ended; going on with fewer", "peer", p.Name, "error", err)
			}
		})
	}
	err := p.with(ctx, dimse.ServiceStore, l.proposals, work)
	enough()
	further.Wait()
	return err
}

// feed hands the parcels out until all are taken or the context ends.
func feed(ctx context.Context, queue chan<- Parcel, parcels []Parcel) {
	defer close(queue)
	for _, parcel := range parcels {
		select {
		case queue <- parcel:
		case <-ctx.Done():
			return
		}
	}
}

// storeFrom sends parcels on one association, one after the other, until there are none left. An answer
// of NEW, also a refusal, is a receipt; the loss of the association is an error,
// and so is a target without room, which would refuse the rest as well.
func (p *Peer) storeFrom(ctx context.Context, a *dimse.Association, queue <-chan Parcel, receipt func(Receipt), refused *refusals) error {
	for parcel := range queue {
		if _, ok := a.Context(parcel.SOPClass, parcel.TransferSyntax); !ok && a.Usable() {
			refused.add(parcel)
			continue
		}
		warning, err := storeOne(ctx, a, parcel)
		receipt(Receipt{SOPInstance: parcel.SOPInstance, Warning: warning, Sent: parcel.sent.known(), Err: p.named(err)})
		if err == nil {
			p.gate.open(dimse.ServiceStore)
		}
		if err != nil && (busyPeer(err) || !a.Usable()) {
			return err
		}
	}
	return nil
}

func (p *Peer) named(err error) error {
	if err == nil {
		return nil
	}
	return &PeerError{Peer: p.Name, AE: p.Dialer.CalledAE, Err: err}
}

func storeOne(ctx context.Context, a *dimse.Association, parcel Parcel) (warning string, err error) {
	data, err := parcel.Open()
	if err != nil {
		return "", fmt.Errorf("open %s for sending: %w", parcel.SOPInstance, err)
	}
	defer data.Close()
	result, err := a.Store(ctx, dimse.StoreRequest{
		SOPClass: parcel.SOPClass, SOPInstance: parcel.SOPInstance, TransferSyntax: parcel.TransferSyntax,
		Data: data, Size: parcel.Size,
	})
	var refusal *dimse.StatusError
	if errors.As(err, &refusal) && refusal.Status == dimse.StatusDuplicateInstance {
		return joined(parcel.note, "answered 0111 duplicate SOP instance; only a query proves it"), nil
	}
	if err != nil {
		return "", fmt.Errorf("C-STORE of %s: %w", parcel.SOPInstance, err)
	}
	if result.Status != dimse.StatusSuccess {
		warning = strings.TrimSpace(fmt.Sprintf("stored with warning %04X %s", uint16(result.Status), result.Comment))
	}
	return joined(parcel.note, warning), nil
}

// joined puts two remarks on one object together.
func joined(one, other string) string {
	if one == "" || other == "" {
		return one + other
	}
	return one + "; " + other
}
