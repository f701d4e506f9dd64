package dimsetest

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"sync"

	"pacsbridge/dimse"
	"pacsbridge/dimse/dataset"
)

// An Archive is a PACS in memory. It answers C-ECHO, C-STORE, C-FIND, C-MOVE
// and C-GET over real associations, keeps every data set byte for byte as it
// came, and sends it in the transfer syntax it came in. With Faults it
// misbehaves in the ways that real archives do.
//
// Its fields are set before Start and stay as they are.
type Archive struct {
	AE     string
	Listen string // 127.0.0.1 and a free port when empty
	// Keep is the size of the biggest data set whose bytes are kept, a megabyte
	// at least; of bigger ones only the digest and the first attributes are, and
	// they cannot be retrieved. Zero keeps everything.
	Keep int64
	// Relational answers queries that lack the unique keys above their level
	// (PS3.4 §C.4.1.2.2), which few archives do.
	Relational bool
	// Commits offers storage commitment (PS3.4 annex J), with results on the same
	// association, or to the destination that the requestor is known by.
	Commits  bool
	Timeouts dimse.Timeouts
	Logger   *slog.Logger

	listener net.Listener
	cancel   context.CancelFunc
	running  sync.WaitGroup // the server, and what it sends after its final response

	mu           sync.Mutex
	destinations map[string]string // AE title → address
	held         map[string]*held  // by SOP Instance UID
	studies      map[string][]*held
	order        []*held // as they arrived
	arrivals     []Arrival
	counts       Counts
	faults       Faults
	asked        map[asking]int
}

// Counts tells how often an archive was asked for what.
type Counts struct{ Associations, Stores, Finds, Moves, Gets, Commits int }

// An Arrival is one C-STORE that an archive received.
type Arrival struct {
	SOPInstance, SHA256, TransferSyntax string
	Size                                int64
	CallingAE, MoveOriginatorAE         string
	MoveOriginatorMessageID             uint16
	Status                              dimse.Status // what was answered
}

// held is an instance in an archive.
type held struct {
	Object
	digest string
	head   *dataset.Dataset // the attributes before the pixel data
}

// NewArchive makes an empty archive that knows nobody.
func NewArchive(ae string) *Archive {
	return &Archive{
		AE:           ae,
		destinations: map[string]string{},
		held:         map[string]*held{},
		studies:      map[string][]*held{},
		asked:        map[asking]int{},
	}
}

// Start listens and answers until ctx ends or Close is called, and returns the
// address it listens on.
func (a *Archive) Start(ctx context.Context) (address string, err error) {
	a.listener, err = net.Listen("tcp", cmp.Or(a.Listen, "127.0.0.1:0"))
	if err != nil {
		return "", fmt.Errorf("archive %s: %w", a.AE, err)
	}
	ctx, a.cancel = context.WithCancel(ctx)
	answer := &service{Archive: a, ctx: ctx, conns: &connections{Listener: a.listener, open: map[string]*net.TCPConn{}}}
	server := answer.server()
	a.running.Go(func() {
		if err := server.Serve(ctx, answer.conns); err != nil && ctx.Err() == nil && a.Logger != nil {
			a.Logger.Error("archive ended", "ae", a.AE, "error", err)
		}
	})
	return a.listener.Addr().String(), nil
}

// Close stops the archive and waits for all it started. What it holds stays.
func (a *Archive) Close() error {
	if a.cancel == nil {
		return nil
	}
	a.cancel()
	a.listener.Close()
	a.running.Wait()
	return nil
}

// Peer is the archive's title and address; valid once it was started.
func (a *Archive) Peer() Peer { return Peer{AE: a.AE, Address: a.listener.Addr().String()} }

// AddDestination makes an application entity known to which C-MOVE may send.
func (a *Archive) AddDestination(ae, address string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.destinations[ae] = address
}

// Add puts objects into the archive past DICOM's own ways. One it holds already
// is left as it is.
func (a *Archive) Add(objects ...Object) error {
	for _, o := range objects {
		digest, err := digestOf(o.Reader())
		if err != nil {
			return fmt.Errorf("add %s: %w", o.SOPInstance, err)
		}
		if err := a.keep(o, digest); err != nil {
			return fmt.Errorf("add %s: %w", o.SOPInstance, err)
		}
	}
	return nil
}

// Remove forgets an instance.
func (a *Archive) Remove(sopInstance string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	h, known := a.held[sopInstance]
	if !known {
		return
	}
	same := func(other *held) bool { return other == h }
	delete(a.held, sopInstance)
	a.order = slices.DeleteFunc(a.order, same)
	a.studies[h.StudyUID] = slices.DeleteFunc(a.studies[h.StudyUID], same)
}

// Instances lists what the archive holds, in the order of arrival.
func (a *Archive) Instances() []Object {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := make([]Object, len(a.order))
	for i, h := range a.order {
		list[i] = h.Object
	}
	return list
}

// Digests are the SHA-256 digests of the data sets held, by SOP Instance UID.
func (a *Archive) Digests() map[string]string {
	a.mu.Lock()
	defer a.mu.Unlock()
	digests := make(map[string]string, len(a.held))
	for uid, h := range a.held {
		digests[uid] = h.digest
	}
	return digests
}

// Arrivals lists every C-STORE received since the start, refused ones too.
func (a *Archive) Arrivals() []Arrival {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.arrivals)
}

// Counts tells how often it was asked for what.
func (a *Archive) Counts() Counts {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.counts
}

// keep takes an object in under the identity that its data set claims.
func (a *Archive) keep(o Object, digest string) error {
	end := dataset.PixelData
	if o.Tail == nil && int64(len(o.Data)) < o.Size {
		end = encapsulatedDocument // which may go on behind what was kept
	}
	head, err := dataset.ReadHeader(o.Reader(), o.TransferSyntax, end, 0)
	if err != nil {
		return err
	}
	o.StudyUID, o.SeriesUID = head.String(dataset.StudyInstanceUID), head.String(dataset.SeriesInstanceUID)
	if o.StudyUID == "" || o.SeriesUID == "" {
		return errors.New("the data set names no study or series")
	}
	o.Size = max(o.Size, int64(len(o.Data)))
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, known := a.held[o.SOPInstance]; known {
		return nil
	}
	h := &held{Object: o, digest: digest, head: head}
	a.held[o.SOPInstance] = h
	a.order = append(a.order, h)
	a.studies[o.StudyUID] = append(a.studies[o.StudyUID], h)
	return nil
}

// encapsulatedDocument is the content of an Encapsulated PDF and the like.
const encapsulatedDocument = dataset.Tag(0x00420011)

func digestOf(r io.Reader) (string, error) {
	digest := sha256.New()
	if _, err := io.Copy(digest, r); err != nil {
		return "", err
	}
	return hex.EncodeToString(digest.Sum(nil)), nil
}
