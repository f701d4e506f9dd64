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
	for _, vr := range vrsByFirst[a%32] {
		if vr[0] == a && vr[1] == b {
			return vr, true
		}
	}
	return "", false
}

// vrsByFirst lists the value representations by the low five bits of their first letter.
var vrsByFirst = func() (table [32][]VR) {
	for _, vr := range []VR{
		UI, UL, US, UN, UT, UC, UR, UV, LO, LT, SH, SQ, SS, SL, ST, SV, CS, DA, DS, DT, TM, PN, IS, AE, AS, AT,
		FD, FL, OB, OW, OD, OF, OL, OV,
	} {
		table[vr[0]%32] = append(table[vr[0]%32], vr)
	}
	return table
}()

// longForm reports whether an explicit VR header for vr has two reserved bytes and a 32-bit length (PS3.5 §7.1.2).
// A VR that is younger than this program has one by that section's rule; bytes that are no VR at all are followed by a
// 16-bit length, which is what the toolkits that write "??" or NULs mean (DCMTK reads them so too).
func (vr VR) longForm() bool {
	switch vr {
	case OB, OD, OF, OL, OV, OW, SQ, SV, UC, UN, UR, UT, UV:
		return true
	}
	_, known := knownVR(vr[0], vr[1])
	return !known && isUpper(vr[0]) && isUpper(vr[1])
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
