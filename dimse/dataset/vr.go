package dataset

// VR is a value representation (PS3.5 §6.2): two upper-case letters, or whatever two bytes a writer put in their place.
type VR string

// The value representations of PS3.5 table 6.2-1.
const (
	AE VR = "AE" // application entity
	AS VR = "AS" // age
	AT VR = "AT" // attribute tag
	CS VR = "CS" // code
	DA VR = "DA" // date
	DS VR = "DS" // decimal number as text
	DT VR = "DT" // date and time
	FD VR = "FD" // float64
	FL VR = "FL" // float32
	IS VR = "IS" // integer as text
	LO VR = "LO" // long text of one line
	LT VR = "LT" // text of up to 10,240 characters
	OB VR = "OB" // bytes
	OD VR = "OD" // many float64
	OF VR = "OF" // many float32
	OL VR = "OL" // many uint32
	OV VR = "OV" // many uint64
	OW VR = "OW" // many uint16
	PN VR = "PN" // name of a person
	SH VR = "SH" // short text of one line
	SL VR = "SL" // int32
	SQ VR = "SQ" // sequence of items
	SS VR = "SS" // int16
	ST VR = "ST" // text of up to 1,024 characters
	SV VR = "SV" // int64
	TM VR = "TM" // time of day
	UC VR = "UC" // text without limit, several values
	UI VR = "UI" // UID
	UL VR = "UL" // uint32
	UN VR = "UN" // unknown
	UR VR = "UR" // URI
	US VR = "US" // uint16
	UT VR = "UT" // text without limit
	UV VR = "UV" // uint64
)

// knownVR returns the constant for the two bytes of a VR, so that reading one allocates nothing.
func knownVR(a, b byte) (VR, bool) {
	if vr := vrs[vrIndex[a%32][b%32]]; vr != "" && vr[0] == a && vr[1] == b {
		return vr, true
	}
	return "", false
}

// vrs lists the value representations behind an empty one.
var vrs = [...]VR{
	"", AE, AS, AT, CS, DA, DS, DT, FD, FL, IS, LO, LT, OB, OD, OF, OL, OV, OW, PN, SH, SL, SQ, SS, ST, SV, TM, UC, UI,
	UL, UN, UR, US, UT, UV,
}

// vrIndex finds a value representation in vrs by the low five bits of its letters.
var vrIndex = func() (index [32][32]uint8) {
	for i, vr := range vrs {
		if vr != "" {
			index[vr[0]%32][vr[1]%32] = uint8(i)
		}
	}
	return index
}()

// longForm reports whether an explicit VR header for vr has two reserved bytes and a 32-bit length (PS3.5 §7.1.2).
// A VR that is younger than this program has one by that section's rule; bytes that are no VR at all are followed by a
// 16-bit length, which is what the toolkits that write "??" or NULs mean (DCMTK reads them so too).
func (vr VR) longForm() bool {
	if known, ok := knownVR(vr[0], vr[1]); ok {
		return known.hasLongForm()
	}
	return isUpper(vr[0]) && isUpper(vr[1])
}

// hasLongForm is longForm for the value representations of the standard.
func (vr VR) hasLongForm() bool {
	switch vr {
	case OB, OD, OF, OL, OV, OW, SQ, SV, UC, UN, UR, UT, UV:
		return true
	}
	return false
}

func isUpper(c byte) bool { return c >= 'A' && c <= 'Z' }

// unit is the size of the numbers in a value of vr, which big endian turns round; 1 where there is nothing to turn.
func (vr VR) unit() int {
	switch vr {
	case AT, OW, SS, US:
		return 2
	case FL, OF, OL, SL, UL:
		return 4
	case FD, OD, OV, SV, UV:
		return 8
	}
	return 1
}

// text reports whether a value of vr is text in the data set's character set (PS3.5 §6.1.2.3).
func (vr VR) text() bool {
	switch vr {
	case LO, LT, PN, SH, ST, UC, UT:
		return true
	}
	return false
}

// single reports whether a backslash in a value of vr is no separator (PS3.5 §6.4).
func (vr VR) single() bool {
	switch vr {
	case LT, ST, UT, UR, OB, OW, OD, OF, OL, OV, UN, SQ:
		return true
	}
	return false
}

// padding is the byte that fills a value of vr up to an even length (PS3.5 §6.2).
func (vr VR) padding() byte {
	switch vr {
	case UI, OB, UN:
		return 0
	}
	return ' '
}
