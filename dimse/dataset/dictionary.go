package dataset

import (
	"sync/atomic"

	"github.com/grailbio/go-dicom/dicomtag"
)

// DictionaryVR returns the value representation that the standard gives to tag: UN where the dictionary does not know
// the tag, LO for the reservation of a private block, UL for a group length. Where the standard leaves a choice it is
// the first one (US of "US or SS").
func DictionaryVR(tag Tag) VR {
	if vr, ok := ruledVR(tag); ok {
		return vr
	}
	return lookUpVR(tag)
}

// dictionary answers DictionaryVR for one pass over a data set. To ask for a tag that the dictionary lacks costs memory,
// so answers are remembered for all passes, and a pass may ask in vain only as often as its length justifies.
type dictionary struct {
	misses int64
}

// What a pass may miss: a handful, and one for each so many bytes of input.
const (
	freeMisses   = 256
	bytesPerMiss = 256
)

// vr is DictionaryVR at offset bytes into the data set; UN for a tag unheard of when too many were unknown before.
func (d *dictionary) vr(tag Tag, offset int64) VR {
	if vr, ok := ruledVR(tag); ok {
		return vr
	}
	vr, slot := recall(tag)
	switch {
	case vr != "":
		return vr
	case d.misses > freeMisses+offset/bytesPerMiss:
		return UN
	}
	vr = lookUpVR(tag)
	if vr == UN {
		d.misses++
	}
	if slot != nil {
		slot.CompareAndSwap(0, uint64(tag)<<32|uint64(vr[0])<<8|uint64(vr[1]))
	}
	return vr
}

const (
	memoryBits = 14 // four times as many places as the dictionary has tags
	maxProbes  = 16
)

// memory is a hash table of earlier answers: the tag in the upper half, its VR's letters in the lower. It never forgets,
// and takes no more when a place and those behind it are full.
var memory [1 << memoryBits]atomic.Uint64

// recall returns the remembered answer for tag, or the place where it may be remembered, if there is one.
func recall(tag Tag) (VR, *atomic.Uint64) {
	hash := uint32(tag*0x9E3779B1) >> (32 - memoryBits)
	for probe := range uint32(maxProbes) {
		slot := &memory[(hash+probe)%(1<<memoryBits)]
		entry := slot.Load()
		if entry == 0 {
			return "", slot
		}
		if Tag(entry>>32) == tag {
			vr, _ := knownVR(byte(entry>>8), byte(entry))
			return vr, nil
		}
	}
	return "", nil
}

// ruledVR answers for the tags whose VR follows from a rule instead of a dictionary entry.
func ruledVR(tag Tag) (VR, bool) {
	switch {
	case tag.Element() == 0:
		return UL, true // group length, PS3.5 §7.2
	case tag.Private() && tag.Element() >= 0x10 && tag.Element() <= 0xFF:
		return LO, true // private creator, PS3.5 §7.8.1
	case tag.Private():
		return UN, true
	case tag == lutData:
		return OW, true // the dictionary says LT
	case tag == viewOrientationModifier || tag == componentType:
		return SQ, true // the dictionary says FD and CS
	}
	return "", false
}

const (
	lutData                 Tag = 0x00283006
	viewOrientationModifier Tag = 0x006862F0 // View Orientation Modifier Code Sequence
	componentType           Tag = 0x00760034 // Component Type Code Sequence
)

// lookUpVR asks the dictionary, which knows repeating groups (PS3.5 §7.6) by their first one only.
func lookUpVR(tag Tag) VR {
	if group := tag.Group() & 0xFF00; group == 0x5000 || group == 0x6000 {
		tag = NewTag(group, tag.Element())
	}
	info, err := dicomtag.Find(dicomtag.Tag{Group: tag.Group(), Element: tag.Element()})
	if err != nil {
		return UN
	}
	if info.VR == "UP" { // a pointer of the directory, PS3.3 §F.3.2.2, encoded as UL
		return UL
	}
	if vr, ok := knownVR(info.VR[0], info.VR[1]); ok {
		return vr
	}
	return UN
}
