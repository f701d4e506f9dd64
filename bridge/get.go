package bridge

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"pacsbridge/dimse"
	"pacsbridge/dimse/uid"
)

// Getter retrieves by C-GET into the inbox (PS3.4 §C.4.3): instances come over the
// association that asks for them, in the role of a storage provider that it takes.
type Getter struct {
	Peer  *Peer
	Into  dimse.StoreHandler
	Spare bool // it is the second way: a PACS that does not offer it is no trouble, and asked once

	declined atomic.Bool
	narrowing
}

var _ Source = (*Getter)(nil)

// GetNotOfferedError tells that a PACS does not accept C-GET.
type GetNotOfferedError struct{ Err error }

func (e *GetNotOfferedError) Error() string { return e.Err.Error() }

// Unwrap returns what was said.
func (e *GetNotOfferedError) Unwrap() error { return e.Err }

// Temporary is false: it is a matter of its settings.
func (e *GetNotOfferedError) Temporary() bool { return false }

// Retrieve implements Source. Where the selection holds more SOP classes than one
// association has room for, it is asked for once for each part of them: what has no
// context is not sent.
func (g *Getter) Retrieve(ctx context.Context, s Selection, alive func() time.Time) error {
	if g.Spare && g.declined.Load() {
		return errNotOffered
	}
	var last error
	for classes := range slices.Chunk(g.classes(ctx, s), classesAtOnce) {
		one := &getter{peer: g.Peer, into: g.Into, proposals: getProposals(classes, getSyntaxes...)}
		err := one.Retrieve(ctx, s, alive)
		switch {
		case errors.Is(err, errNotOffered):
			g.declined.Store(true)
			if g.Spare {
				return errNotOffered
			}
			return &GetNotOfferedError{Err: err}
		case err != nil && (ctx.Err() != nil || unreachable(err)):
			return err
		case err != nil:
			last = g.narrowly(ctx, s, classes, alive, err)
		}
	}
	if len(s.Classes) > classesAtOnce {
		return nil // each part fails for the classes of the others; the set that came decides
	}
	return last
}

// immediate marks sources whose instances have come when they answer.
func (g *Getter) immediate() {}

// classesAtOnce is for how many SOP classes one association has room, in the
// syntaxes that archives keep most.
const classesAtOnce = 25

// getSyntaxes are the transfer syntaxes that instances are taken in, in the order in
// which they get their contexts: an archive that keeps another sends in one of these
// or fails.
var getSyntaxes = []string{
	uid.ExplicitLE, uid.ImplicitLE, uid.JPEGLossless, uid.JPEG2000Lossless, uid.JPEGBaseline,
	uid.JPEGLSLossless, uid.RLE, uid.JPEG2000, uid.JPEGExtended, uid.JPEGLSNear,
	uid.ExplicitBE, uid.JPEGLossless14, uid.DeflatedLE, uid.HTJ2KLossless, uid.HTJ2KLosslessRPCL, uid.HTJ2K,
	uid.MPEG2, uid.MPEG4, uid.HEVC,
}

// getProposals plans the contexts: each class in each syntax, the first syntaxes of all
// classes first, as far as there is room.
func getProposals(classes []string, syntaxes ...string) []dimse.Proposal {
	proposals := []dimse.Proposal{{SOPClass: uid.StudyRootGet, TransferSyntaxes: []string{uid.ExplicitLE, uid.ImplicitLE}}}
	for _, syntax := range syntaxes {
		for _, class := range classes {
			if len(proposals) < maxContexts {
				proposals = append(proposals, dimse.Proposal{SOPClass: class, TransferSyntaxes: []string{syntax}, SCPRole: true})
			}
		}
	}
	return proposals
}

// classes are those of what is selected, as far as they were listed; else those of the
// study, for which OLD is asked; else the usual ones.
func (g *Getter) classes(ctx context.Context, s Selection) []string {
	if len(s.Classes) > 0 {
		return s.Classes
	}
	list := newInstanceList(g.Peer, s.StudyUID)
	list.classes = true
	listed, err := list.inParts(ctx)
	if err != nil {
		g.Peer.Logger.Debug("SOP classes to retrieve", "study", s.StudyUID, "error", err)
	}
	var classes []string
	for _, l := range listed {
		if l.SOPClass != "" && !slices.Contains(classes, l.SOPClass) {
			classes = append(classes, l.SOPClass)
		}
	}
	if len(classes) == 0 {
		return usualClasses
	}
	return classes
}

// usualClasses are the storage classes that most archives hold (PS3.4 §B.5).
var usualClasses = []string{
	uid.CTImageStorage, uid.MRImageStorage, uid.CRImageStorage, uid.SecondaryCapture, uid.USImageStorage, uid.USMultiFrameStorage,
	"1.2.840.10008.5.1.4.1.1.1.1",    // digital X-ray, for presentation
	"1.2.840.10008.5.1.4.1.1.1.2",    // digital mammography, for presentation
	"1.2.840.10008.5.1.4.1.1.12.1",   // X-ray angiography
	"1.2.840.10008.5.1.4.1.1.12.2",   // X-ray fluoroscopy
	"1.2.840.10008.5.1.4.1.1.20",     // nuclear medicine
	"1.2.840.10008.5.1.4.1.1.128",    // positron emission tomography
	"1.2.840.10008.5.1.4.1.1.2.1",    // enhanced CT
	"1.2.840.10008.5.1.4.1.1.4.1",    // enhanced MR
	"1.2.840.10008.5.1.4.1.1.13.1.3", // breast tomosynthesis
	"1.2.840.10008.5.1.4.1.1.11.1",   // presentation state
	"1.2.840.10008.5.1.4.1.1.88.59",  // key objects
	"1.2.840.10008.5.1.4.1.1.88.67",  // radiation dose
	"1.2.840.10008.5.1.4.1.1.88.33",  // comprehensive SR
	"1.2.840.10008.5.1.4.1.1.88.22",  // enhanced SR
	uid.BasicTextSR, uid.EncapsulatedPDF, uid.VLPhotographic,
	"1.2.840.10008.5.1.4.1.1.9.1.1",    // electrocardiogram
	"1.2.840.10008.5.1.4.1.1.77.1.1.1", // endoscopic video
	"1.2.840.10008.5.1.4.1.1.77.1.1",   // endoscopy
	"1.2.840.10008.5.1.4.1.1.77.1.5.1", // ophthalmic photography
	"1.2.840.10008.5.1.4.1.1.1.1.1",    // digital X-ray, for processing
	"1.2.840.10008.5.1.4.1.1.1.2.1",    // digital mammography, for processing
	"1.2.840.10008.5.1.4.1.1.1.3",      // intra-oral X-ray
	"1.2.840.10008.5.1.4.1.1.7.1",      // secondary capture, multi-frame, bits
	"1.2.840.10008.5.1.4.1.1.7.2",      // secondary capture, multi-frame, bytes
	"1.2.840.10008.5.1.4.1.1.7.4",      // secondary capture, multi-frame, colour
	"1.2.840.10008.5.1.4.1.1.481.1",    // RT image
	"1.2.840.10008.5.1.4.1.1.481.2",    // RT dose
	"1.2.840.10008.5.1.4.1.1.481.3",    // RT structure set
	"1.2.840.10008.5.1.4.1.1.481.5",    // RT plan
	"1.2.840.10008.5.1.4.1.1.66.4",     // segmentation
	"1.2.840.10008.5.1.4.1.1.66",       // raw data
	"1.2.840.10008.5.1.4.1.1.66.1",     // spatial registration
}
