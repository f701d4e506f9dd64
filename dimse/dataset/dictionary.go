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

// dictionary answers DictionaryVR for one pass over a data set. Asking for a tag that the dictionary lacks costs memory,
// so a pass may ask only for so many of them as its length justifies; answers are remembered for all passes.
type dictionary struct {
	misses int64
}

// What a pass may miss: a handful, and one for each so many bytes of input.
const (
	freeMisses   = 128
	bytesPerMiss = 256
)

// vr is DictionaryVR at offset bytes into the data set; UN for a new tag when too many were unknown before.
func (d *dictionary) vr(tag Tag, offset int64) VR {
	if vr, ok := ruledVR(tag); ok {
		return vr
	}
	slot := &remembered[uint32(tag*0x9E3779B1)>>(32-rememberedBits)]
	if entry := slot.Load(); Tag(entry>>32) == tag {
		vr, _ := knownVR(byte(entry>>8), byte(entry))
		return vr
	}
	if d.misses > freeMisses+offset/bytesPerMiss {
		return UN
	}
	vr := lookUpVR(tag)
	if vr == UN {
		d.misses++
	}
	slot.Store(uint64(tag)<<32 | uint64(vr[0])<<8 | uint64(vr[1]))
	return vr
}

const rememberedBits = 12

// remembered holds earlier answers: the tag in the upper half, its VR's letters in the lower.
var remembered [1 << rememberedBits]atomic.Uint64

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
	}
	return "", false
}

const lutData Tag = 0x00283006

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
