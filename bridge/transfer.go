package bridge

import (
	"context"
	"fmt"
	"io"
	"sync"

	"pacsbridge/dimse"
)

// maxContexts is how many presentation contexts one association can hold: their
// IDs are the odd numbers of a byte (PS3.8 §9.3.2.2).
const maxContexts = 128

// Parcel is one object on its way to NEW.
type Parcel struct {
	SOPClass, SOPInstance, TransferSyntax string
	Size                                  int64
	Open                                  func() (io.ReadCloser, error) // its data set, from the first byte
}

// Receipt is what NEW answered for one parcel.
type Receipt struct {
	SOPInstance string
	Warning     string // NEW stored it with a warning (B000, B006, B007), in words
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
// transfer syntax its data sets are in.
func (p *Peer) Store(ctx context.Context, parcels []Parcel, receipt func(Receipt)) error {
	for _, load := range loads(parcels) {
		if err := p.storeLoad(ctx, load, receipt); err != nil {
			return err
		}
	}
	return nil
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
				all = append(all, load{})
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
// ones while there are free places and enough to send. A further one that cannot
// be opened or is lost only makes it slower.
func (p *Peer) storeLoad(ctx context.Context, l load, receipt func(Receipt)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	queue := make(chan Parcel)
	go feed(ctx, queue, l.parcels)

	work := func(a *dimse.Association) error { return p.storeFrom(ctx, a, queue, receipt) }
	var further sync.WaitGroup
	for range min(p.Associations, len(l.parcels)) - 1 {
		further.Go(func() {
			if _, err := p.tryWith(ctx, l.proposals, work); err != nil {
				p.Logger.Warn("further association lost; going on with fewer", "peer", p.Name, "error", err)
			}
		})
	}
	err := p.with(ctx, l.proposals, work)
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

// storeFrom sends parcels on one association until there are none left. An answer
// of NEW, also a refusal, is a receipt; the loss of the association is an error.
func (p *Peer) storeFrom(ctx context.Context, a *dimse.Association, queue <-chan Parcel, receipt func(Receipt)) error {
	for parcel := range queue {
		warning, err := storeOne(ctx, a, parcel)
		receipt(Receipt{SOPInstance: parcel.SOPInstance, Warning: warning, Err: p.named(err)})
		if err != nil && !a.Usable() {
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
		return "", fmt.Errorf("open %s in the spool: %w", parcel.SOPInstance, err)
	}
	defer data.Close()
	result, err := a.Store(ctx, dimse.StoreRequest{
		SOPClass: parcel.SOPClass, SOPInstance: parcel.SOPInstance, TransferSyntax: parcel.TransferSyntax,
		Data: data, Size: parcel.Size,
	})
	if err != nil {
		return "", fmt.Errorf("C-STORE of %s: %w", parcel.SOPInstance, err)
	}
	if result.Status != dimse.StatusSuccess {
		return fmt.Sprintf("stored with warning %04X %s", uint16(result.Status), result.Comment), nil
	}
	return "", nil
}
