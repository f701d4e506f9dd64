package dataset

import "bytes"

// Element is one attribute of a small data set.
type Element struct {
	Tag   Tag
	VR    VR
	Value []byte     // as encoded, numbers little endian whatever the syntax it came in; nil for a sequence
	Items []*Dataset // of a sequence: VR SQ, or UN whose items were encoded in implicit VR (never nil then)
}

// sequence reports whether the element's value is a sequence of items.
func (e *Element) sequence() bool { return e.VR == SQ || e.Items != nil }

// Equal reports whether both elements hold the same, a value without bytes being the same as none.
func (e Element) Equal(other Element) bool {
	if e.Tag != other.Tag || e.VR != other.VR || !bytes.Equal(e.Value, other.Value) || len(e.Items) != len(other.Items) {
		return false
	}
	for i, item := range e.Items {
		if !item.Equal(other.Items[i]) {
			return false
		}
	}
	return true
}

// pad fills value up to an even length, as PS3.5 §7.1.1 demands.
func pad(vr VR, value []byte) []byte {
	if len(value)%2 == 1 {
		value = append(value, vr.padding())
	}
	return value
}

// swapped returns value with its numbers turned from one byte order into the other: itself when vr holds none. Bytes
// that make up no whole number stay.
func swapped(vr VR, value []byte) []byte {
	unit := vr.unit()
	if unit == 1 || len(value) == 0 {
		return value
	}
	return swapInPlace(unit, bytes.Clone(value))
}

func swapInPlace(unit int, value []byte) []byte {
	for at := 0; at+unit <= len(value); at += unit {
		number := value[at : at+unit]
		for i, j := 0, unit-1; i < j; i, j = i+1, j-1 {
			number[i], number[j] = number[j], number[i]
		}
	}
	return value
}
