package bridge

import (
	"cmp"
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
	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/uid"
	"pacsbridge/nondicom"
	"pacsbridge/staging"
)

// Desk is where instances come in that are to be looked at and not to be kept. It is
// the handler of our Storage SCP for as long as contents are compared by C-MOVE.
type Desk struct {
	mu      sync.Mutex
	waiting *viewing
}

var _ dimse.StoreHandler = (*Desk)(nil)

// Store looks at an instance that was asked for and refuses others (0124H).
func (d *Desk) Store(ctx context.Context, in *dimse.Instance) error {
	d.mu.Lock()
	v := d.waiting
	d.mu.Unlock()
	if v == nil {
		return status(dimse.StatusNotAuthorized, "nobody asked for instance %s", in.SOPInstance)
	}
	return v.Store(ctx, in)
}

// receive makes v the one that instances are for, until the function returned is called.
func (d *Desk) receive(v *viewing) (done func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waiting = v
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.waiting = nil
	}
}

// viewing is the looking at instances of one study that one PACS sends.
type viewing struct {
	wanted   map[string]*staging.Item // by SOP Instance UID
	whole    bool                     // the PACS holds no others of the study
	arrivals *Arrivals
	amend    bool // what comes is looked at as the rules changed it when it was sent to NEW

	mu         sync.Mutex
	over       bool   // what comes now comes too late
	stranger   string // AE title of the other PACS, whose late instances are not these
	seen       map[string]*fingerprint
	identities map[nondicom.Identity]bool // of the images; nil where nobody needs them
}

// Store takes the fingerprint of an instance. The first one of a UID counts.
func (v *viewing) Store(_ context.Context, in *dimse.Instance) error {
	it := v.wanted[in.SOPInstance]
	if it == nil || v.strange(in.CallingAE) {
		return status(dimse.StatusNotAuthorized, "nobody asked for instance %s", in.SOPInstance)
	}
	content := int64(0)
	if it.Kind == staging.Attachment {
		content = it.Bytes
	}
	read, id := in.Data, nondicom.Identity{}
	if v.identities != nil && it.Kind == staging.Instance {
		head, whole, err := dataset.Peek(read, in.TransferSyntax, dataset.SeriesNumber)
		if read = whole; err == nil {
			id = nondicom.IdentityOf(head)
		}
	}
	data, err := v.amended(it, in.TransferSyntax, read)
	if err != nil {
		return status(dimse.StatusOutOfResources, "amend %s: %w", in.SOPInstance, err)
	}
	defer data.Close()
	f, err := takeFingerprint(data, in.TransferSyntax, content)
	if err != nil {
		return status(dimse.StatusOutOfResources, "receive %s: %w", in.SOPInstance, err)
	}
	if !v.amend && f.SHA256 == amendedDigest(it) {
		f.attributes = nil // nobody will ask
	}
	if v.keep(in.SOPInstance, f, id) {
		v.arrivals.add(Arrival{UID: in.SOPInstance, SOPClass: in.SOPClass, TransferSyntax: in.TransferSyntax, Bytes: f.Bytes, SHA256: f.SHA256})
	}
	return nil
}

// amended is the data set as it is to be looked at.
func (v *viewing) amended(it *staging.Item, ts string, data io.Reader) (io.ReadCloser, error) {
	if !v.amend {
		return io.NopCloser(data), nil
	}
	return amended(io.NopCloser(data), ts, passageOf(it).Amended)
}

func (v *viewing) strange(ae string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.stranger != "" && ae == v.stranger
}

func (v *viewing) expectNobodyFrom(ae string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.stranger = ae
}

// mostIdentities bounds how many identities of one study are kept.
const mostIdentities = 64

// keep keeps what was seen, unless it comes too late.
func (v *viewing) keep(instance string, f *fingerprint, id nondicom.Identity) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.over {
		return false
	}
	if v.seen[instance] == nil {
		v.seen[instance] = f
	}
	if id.StudyUID != "" && len(v.identities) < mostIdentities {
		v.identities[id] = true
	}
	return true
}

// end closes the viewing; what was seen does not change any more.
func (v *viewing) end() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.over = true
}

// Witness is where data sets can be had from: one of the two PACS, or a folder.
type Witness interface {
	// fetch shows the wanted instances of a study as far as they are to be had. last is
	// what was said of those that are not; fatal ends the comparison.
	fetch(ctx context.Context, study string, v *viewing) (last, fatal error)
}

// Shelf is one of the two PACS as a witness: it is asked by C-GET where that is allowed
// and offered, and by C-MOVE to our own SCP otherwise.
type Shelf struct {
	Peer   *Peer
	Other  string // AE title of the other PACS
	Get    bool   // try C-GET first
	Desk   *Desk  // the handler of our SCP; nil where it does not listen, so that C-MOVE is impossible
	Grace  time.Duration
	Logger *slog.Logger
}

// ErrNoWay says that a PACS offers no C-GET and that our own port is not ours, so that
// it cannot send either.
var ErrNoWay = errors.New("it does not offer C-GET, and C-MOVE needs our own port")

// fetch asks by study, by series and instance by instance, one way and then the other,
// until everything wanted has come.
func (s *Shelf) fetch(ctx context.Context, study string, v *viewing) (last, fatal error) {
	c := &Collection{Study: staging.Study{UID: study}}
	for _, it := range v.wanted {
		c.items = append(c.items, &staging.Item{Kind: staging.Instance, UID: it.ObjectUID, SeriesUID: it.SeriesUID})
	}
	slices.SortFunc(c.items, func(a, b *staging.Item) int { return cmp.Compare(a.UID, b.UID) })
	ways := s.ways(v)
	if len(ways) == 0 {
		return nil, &PeerError{Peer: s.Peer.Name, AE: s.Peer.Dialer.CalledAE, Err: ErrNoWay}
	}
	for i, way := range ways {
		v.expectNobodyFrom("")
		if way.moves {
			v.expectNobodyFrom(s.Other)
		}
		last, fatal = s.collect(ctx, c, way.source, v)
		switch {
		case errors.Is(fatal, errNotOffered) && i < len(ways)-1:
			fatal = nil
		case errors.Is(fatal, errNotOffered):
			return last, &PeerError{Peer: s.Peer.Name, AE: s.Peer.Dialer.CalledAE, Err: ErrNoWay}
		case fatal != nil, len(c.missing()) == 0:
			return last, fatal
		}
	}
	return last, nil
}

// way is how instances are asked for.
type way struct {
	source Source
	moves  bool
}

func (s *Shelf) ways(v *viewing) []way {
	var ways []way
	if s.Get {
		ways = append(ways, way{source: &getter{peer: s.Peer, into: v, proposals: getContexts(v.wanted)}})
	}
	if s.Desk != nil {
		ways = append(ways, way{source: s.Peer, moves: true})
	}
	return ways
}

// collect asks a source for what is missing, for less and less.
func (s *Shelf) collect(ctx context.Context, c *Collection, source Source, v *viewing) (last, fatalError error) {
	k := &Collector{Old: source, Grace: s.Grace, Logger: s.Logger}
	if _, direct := source.(*getter); direct {
		k.Grace = time.Nanosecond // what came by C-GET came before its answer
	}
	plans := []func(*Collection) []Selection{byStudy, byLists, oneByOne}
	if !v.whole {
		plans = plans[1:] // what is not wanted is not asked for
	}
	for _, plan := range plans {
		for _, selection := range plan(c) {
			err := k.ask(ctx, c, selection, v.arrivals)
			c.receive(v.arrivals.Got())
			if ctx.Err() != nil {
				return last, context.Cause(ctx)
			}
			if errors.Is(err, errNotOffered) || fatal(ctx, err) {
				return last, err
			}
			if err != nil {
				last = err
			}
		}
		if len(c.missing()) == 0 {
			return nil, nil
		}
	}
	return last, nil
}

// longestList is how many instances one request names: the length of a UI value has
// 16 bits (PS3.5 §7.1.2).
const longestList = 500

// byLists asks for what is missing of each series by lists of instances.
func byLists(c *Collection) []Selection {
	var selections []Selection
	for _, series := range c.series() {
		for list := range slices.Chunk(series.missing(), longestList) {
			selections = append(selections, Selection{StudyUID: c.Study.UID, SeriesUID: series.uid, Instances: list})
		}
	}
	return selections
}

// errNotOffered says that a PACS does not accept C-GET.
var errNotOffered = errors.New("C-GET is not offered")

// getter retrieves by C-GET (PS3.4 §C.4.3) into a handler.
type getter struct {
	peer      *Peer
	into      dimse.StoreHandler
	proposals []dimse.Proposal
	alone     bool // no other contexts may stand beside these
}

// Retrieve implements Source.
func (g *getter) Retrieve(ctx context.Context, s Selection, _ func() time.Time) error {
	with := g.peer.with
	if g.alone {
		with = g.peer.withFresh
	}
	return with(ctx, dimse.ServiceGet, g.proposals, func(a *dimse.Association) error {
		if len(a.Accepted(uid.StudyRootGet)) == 0 {
			return errNotOffered
		}
		result, err := a.Get(ctx, dimse.GetRequest{SOPClass: uid.StudyRootGet, Identifier: s.identifier()}, g.into)
		if err != nil {
			return fmt.Errorf("C-GET of %s: %w", s, err)
		}
		if result.Status != dimse.StatusSuccess {
			return fmt.Errorf("C-GET of %s: %w", s, &dimse.StatusError{Service: dimse.ServiceGet, Status: result.Status})
		}
		return nil
	})
}

// getContexts are the presentation contexts for a C-GET of these instances: each SOP
// class in the syntaxes in which its instances were sent, and as far as there is room in
// the two that every archive can send.
func getContexts(wanted map[string]*staging.Item) []dimse.Proposal {
	proposals := []dimse.Proposal{{SOPClass: uid.StudyRootGet, TransferSyntaxes: []string{uid.ExplicitLE, uid.ImplicitLE}}}
	known := map[[2]string]bool{}
	propose := func(class, syntax string) {
		if pair := [2]string{class, syntax}; class != "" && syntax != "" && !known[pair] && len(proposals) < maxContexts {
			known[pair] = true
			proposals = append(proposals, dimse.Proposal{SOPClass: class, TransferSyntaxes: []string{syntax}, SCPRole: true})
		}
	}
	uids := slices.Sorted(maps.Keys(wanted))
	for _, u := range uids {
		propose(wanted[u].SOPClass, wanted[u].TransferSyntax)
		if s := sentOf(wanted[u]); s != nil {
			propose(wanted[u].SOPClass, s.TransferSyntax)
		}
	}
	for _, u := range uids {
		propose(wanted[u].SOPClass, uid.ExplicitLE)
		propose(wanted[u].SOPClass, uid.ImplicitLE)
	}
	return proposals
}

func findTag(name string) (dataset.Tag, bool) {
	if tag, ok := dataset.FindTag(name); ok {
		return tag, true
	}
	var group, element uint16
	if n, err := fmt.Sscanf(name, "%4x,%4x", &group, &element); err != nil || n != 2 {
		return 0, false
	}
	return dataset.NewTag(group, element), true
}
