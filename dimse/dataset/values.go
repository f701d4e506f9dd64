package dataset

import (
	"encoding/binary"
	"strconv"
	"strings"
)

// String returns the first value of tag without the padding behind it, its bytes as they are; "" when there is none.
func (d *Dataset) String(tag Tag) string {
	values := d.Strings(tag)
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// Strings returns all values of tag without the padding behind each, their bytes as they are. A backslash that is half
// of a character of the data set's character set parts no values.
func (d *Dataset) Strings(tag Tag) []string {
	e, found := d.Lookup(tag)
	if !found || len(e.Value) == 0 {
		return nil
	}
	vr, value := e.meaning(), string(e.Value)
	switch {
	case vr.single():
		return []string{trim(vr, value)}
	case vr.text():
		return trimAll(vr, splitText(value, d.charset()))
	}
	return trimAll(vr, strings.Split(value, `\`))
}

// meaning is the VR by which the value is understood: the dictionary's where a node on the way forgot it (PS3.5 §6.2.2).
func (e *Element) meaning() VR {
	if len(e.VR) == 2 && e.VR != UN {
		if vr, known := knownVR(e.VR[0], e.VR[1]); known {
			return vr
		}
	}
	return DictionaryVR(e.Tag)
}

func trimAll(vr VR, values []string) []string {
	for i, v := range values {
		values[i] = trim(vr, v)
	}
	return values
}

// trim takes the padding off a value: NULs and spaces behind it, and before it where the VR says that they mean nothing
// (PS3.5 §6.2). Many writers pad UIDs with spaces and text with NULs.
func trim(vr VR, value string) string {
	switch vr {
	case AE, CS, DA, DS, DT, IS, TM, UI:
		return strings.Trim(value, " \x00")
	}
	return strings.TrimRight(value, " \x00")
}

// Int returns the first value of tag as a number, from text (IS, DS without a fraction) or binary (US, SS, UL, SL, SV, UV).
func (d *Dataset) Int(tag Tag) (int, bool) {
	e, found := d.Lookup(tag)
	if !found {
		return 0, false
	}
	if n, ok := e.binaryInt(); ok {
		return n, true
	}
	n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(d.String(tag)), ".0"))
	return n, err == nil
}

// binaryInt reads the first number of a value that holds whole numbers in binary.
func (e *Element) binaryInt() (int, bool) {
	vr := e.meaning()
	if len(e.Value) < vr.unit() {
		return 0, false
	}
	switch vr {
	case US:
		return int(binary.LittleEndian.Uint16(e.Value)), true
	case SS:
		return int(int16(binary.LittleEndian.Uint16(e.Value))), true
	case UL:
		return int(binary.LittleEndian.Uint32(e.Value)), true
	case SL:
		return int(int32(binary.LittleEndian.Uint32(e.Value))), true
	case SV, UV:
		return int(int64(binary.LittleEndian.Uint64(e.Value))), true
	}
	return 0, false
}

// encodeNumbers encodes values as whole numbers of vr, little endian; false when vr holds none or a value is none.
func encodeNumbers(vr VR, values []string) ([]byte, bool) {
	switch vr {
	case US, SS, UL, SL, UV, SV:
	default:
		return nil, false
	}
	var encoded []byte
	for _, v := range values {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			return nil, false
		}
		number := binary.LittleEndian.AppendUint64(nil, uint64(n))
		encoded = append(encoded, number[:vr.unit()]...)
	}
	return encoded, true
}
