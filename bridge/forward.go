package bridge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"pacsbridge/dimse"
	"pacsbridge/dimse/uid"
	"pacsbridge/staging"
	"pacsbridge/staging/spool"
)

// Joining is what the ledger does for instances that nobody asked for.
type Joining interface {
	Study(ctx context.Context, uid string) (staging.Study, []staging.Item, error)
	// Join takes instances into their study, or makes one of them.
	Join(ctx context.Context, node string, study staging.Study, items []staging.Item) error
	// Settle makes what the ledger says survive a power cut.
	Settle(ctx context.Context) error
}

// Forwarder keeps instances that nobody asked for and lets them travel: what has come
// of a study becomes a study collection, or joins the one there is, once nothing more
// has come for a while. The answer 0000H makes this node their only holder, so they are
// on the disk before it is given, in a folder of their own, until NEW is proven to have
// them. They are found there after a restart. One forwarder works on a folder.
type Forwarder struct {
	Dir        string
	Ledger     Joining
	Node       string
	Old        string // AE title of OLD
	Quarantine *Quarantine
	Room       func() error                                      // an error where the disk has no room to spare; nil: nobody asks
	Feed       func(ctx context.Context, studies []string) error // queues studies that wait
	Quiet      time.Duration                                     // nothing more must have come for so long; 30 s when zero
	Logger     *slog.Logger

	mu      sync.Mutex
	studies map[string]*foundling
}

// foundling is what has come of one study.
type foundling struct {
	instances map[string]kept // by SOP Instance UID
	last      time.Time       // when one came
	look      time.Time       // not before then the ledger is asked again
}

// kept is one instance in the folder.
type kept struct {
	Arrival
	path string
}

// Open finds what is in the folder. It comes before everything else.
func (f *Forwarder) Open() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.studies = map[string]*foundling{}
	err := f.store().walk(func(studyUID string, k kept, came time.Time) {
		f.foundling(studyUID, came).instances[k.UID] = k
	})
	if err != nil {
		return fmt.Errorf("look through what nobody asked for in %s: %w", f.Dir, err)
	}
	return nil
}

func (f *Forwarder) store() forwardStore { return forwardStore{f.Dir} }

// foundling is the entry of a study, made where there is none.
func (f *Forwarder) foundling(studyUID string, came time.Time) *foundling {
	s := f.studies[studyUID]
	if s == nil {
		s = &foundling{instances: map[string]kept{}}
		f.studies[studyUID] = s
	}
	if came.After(s.last) {
		s.last, s.look = came, time.Time{}
	}
	return s
}

// stranger reports whether an instance is none of those that OLD was asked for: it names
// no C-MOVE, and OLD is not who sends it, on its association or by C-GET on ours.
func (f *Forwarder) stranger(in *dimse.Instance) bool {
	return f != nil && in.MoveOriginatorAE == "" && in.CallingAE != f.Old && in.CalledAE != f.Old
}

// Keep takes an instance in. It returns when the instance is on the disk; the same one
// again changes nothing, and another data set under its UID goes to quarantine.
func (f *Forwarder) Keep(in *dimse.Instance, studyUID, seriesUID string, data io.Reader) error {
	if !uid.Opaque(studyUID) || !uid.Opaque(in.SOPInstance) {
		return status(dimse.StatusCannotUnderstand, "instance %q of study %q cannot be carried: %w", in.SOPInstance, studyUID,
			&InvalidUIDError{Of: "study or instance", UID: studyUID})
	}
	if f.Room != nil {
		if err := f.Room(); err != nil {
			return status(dimse.StatusOutOfResources, "keep %s: %w", in.SOPInstance, err)
		}
	}
	part, err := f.store().receive(in, data)
	if err != nil {
		return status(dimse.StatusOutOfResources, "keep %s: %w", in.SOPInstance, err)
	}
	defer part.discard()
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.foundling(studyUID, time.Now())
	first, twice := s.instances[in.SOPInstance]
	switch {
	case twice && first.SHA256 == part.sha256:
		return nil
	case twice:
		err = f.conflict(in, studyUID, part.path, first.SHA256, part.sha256)
	default:
		var path string
		path, err = f.store().publish(part, studyUID, in.SOPInstance)
		s.instances[in.SOPInstance] = kept{path: path, Arrival: Arrival{UID: in.SOPInstance, SOPClass: in.SOPClass, TransferSyntax: in.TransferSyntax,
			SHA256: part.sha256, SeriesUID: seriesUID, from: sender{in.CallingAE, in.RemoteAddr}}}
		if err != nil {
			f.drop(studyUID, in.SOPInstance)
		}
	}
	if err != nil {
		return status(dimse.StatusOutOfResources, "keep %s: %w", in.SOPInstance, err)
	}
	return nil
}

// drop takes an instance out of memory, and its study with the last one.
func (f *Forwarder) drop(studyUID, instanceUID string) {
	s := f.studies[studyUID]
	delete(s.instances, instanceUID)
	if len(s.instances) == 0 {
		delete(f.studies, studyUID)
	}
}

// conflict puts a data set aside whose UID another one has, and tells a person.
func (f *Forwarder) conflict(in *dimse.Instance, studyUID, path, first, second string) error {
	f.Logger.Error("an instance nobody asked for has the UID of another data set; the first is kept, the second is in quarantine",
		"study", studyUID, "instance", in.SOPInstance, "kept", first, "put_aside", second)
	file, data, _, err := openPart10(path)
	if err != nil {
		return err
	}
	defer file.Close()
	return f.Quarantine.Keep(in, data, fmt.Sprintf("nobody asked for it, and its SHA-256 %s is not that of the data set which came first under this UID, %s", second, first))
}

// Run makes collections of what has come until the context ends.
func (f *Forwarder) Run(ctx context.Context) error {
	tick := time.NewTicker(min(f.quiet()/2, time.Second))
	defer tick.Stop()
	ledger := trouble{log: f.Logger}
	for {
		if err := ledger.passes(ctx, f.round(ctx)); err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (f *Forwarder) quiet() time.Duration { return orDefault(f.Quiet, 30*time.Second) }

// round looks at each study for which nothing came lately, and queues those that wait.
func (f *Forwarder) round(ctx context.Context) error {
	var waiting []string
	for _, studyUID := range f.settled(time.Now()) {
		waits, err := f.settle(ctx, studyUID)
		if err != nil && (ctx.Err() != nil || as[*staging.Error](err)) {
			return err
		}
		if err != nil { // a disk, or a file on it: neither the other studies nor the node end for it
			f.Logger.Error("what nobody asked for cannot go on at the moment; it is tried again", "study", studyUID, "error", err)
			f.postpone(studyUID)
			continue
		}
		if waits {
			waiting = append(waiting, studyUID)
		}
	}
	if len(waiting) == 0 || f.Feed == nil {
		return nil
	}
	return f.Feed(ctx, waiting)
}

// settled are the studies that are to be looked at.
func (f *Forwarder) settled(now time.Time) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var studies []string
	for studyUID, s := range f.studies {
		if now.Sub(s.last) >= f.quiet() && !now.Before(s.look) {
			studies = append(studies, studyUID)
		}
	}
	slices.Sort(studies)
	return studies
}

// bring puts instances of a collection that came unasked and have joined it into the
// spool. What else of the collection is proven at NEW need not come again then.
func (f *Forwarder) bring(s *spool.Spool, c *Collection) error {
	if f == nil {
		return nil
	}
	held := f.held(c.Study.UID)
	brought := false
	for _, it := range c.Instances() {
		k, here := held[it.UID]
		if !here || !forwarded(it) {
			continue
		}
		blob, err := k.copyTo(s, c.Study.UID)
		if err != nil {
			return fmt.Errorf("take over instance %s, which nobody asked for: %w", it.UID, err)
		}
		it.Received, brought = true, true
		it.SOPClass, it.TransferSyntax, it.Bytes, it.SHA256 = k.SOPClass, k.TransferSyntax, blob.Size, blob.SHA256
	}
	for _, it := range c.Instances() {
		if brought && it.State == staging.ItemDone {
			it.Received = true
		}
	}
	return nil
}

// held is what is here of a study.
func (f *Forwarder) held(studyUID string) map[string]kept {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s := f.studies[studyUID]; s != nil {
		return maps.Clone(s.instances)
	}
	return nil
}

// copyTo puts the instance into the spool.
func (k kept) copyTo(s *spool.Spool, studyUID string) (spool.Blob, error) {
	file, data, _, err := openPart10(k.path)
	if err != nil {
		return spool.Blob{}, err
	}
	defer file.Close()
	blob, err := write(s, studyUID, k.UID, data)
	if err == nil && blob.SHA256 != k.SHA256 {
		err = errors.Join(&DamagedError{UID: k.UID, Path: k.path}, s.Remove(studyUID, k.UID))
	}
	return blob, err
}

// DamagedError names an instance whose file is not what was written: its digest is not
// the one in its name.
type DamagedError struct{ UID, Path string }

func (e *DamagedError) Error() string {
	return fmt.Sprintf("the file %s of instance %s, which nobody asked for, is damaged", e.Path, e.UID)
}

// Temporary is false: a person has to look at the disk.
func (e *DamagedError) Temporary() bool { return false }
