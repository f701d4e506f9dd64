package dataset

import (
	"cmp"
	"slices"
	"strings"
)

// Dataset is a small data set in memory: a query's identifier, the header of an image, a command. Its elements stand in
// the order of their tags, each tag once. The zero value is an empty one.
type Dataset struct {
	Elements []Element
	parent   *Dataset // whose sequence this is an item of; its character set is inherited
}

// New returns an empty data set.
func New() *Dataset { return &Dataset{} }

// Set puts e in its place, instead of an element with its tag if there was one. Without a VR it gets the dictionary's.
func (d *Dataset) Set(e Element) *Dataset {
	if e.VR == "" {
		e.VR = DictionaryVR(e.Tag)
	}
	adopt(d, e.Items)
	i, found := d.search(e.Tag)
	if found {
		d.Elements[i] = e
	} else {
		d.Elements = slices.Insert(d.Elements, i, e)
	}
	return d
}

// adopt makes d the data set around items.
func adopt(d *Dataset, items []*Dataset) {
	for _, item := range items {
		item.parent = d
	}
}

// SetString sets tag to values under the VR that the dictionary gives it, joined by backslashes and padded. Without
// values the element is there and empty, as a query asks for an attribute (PS3.4 §C.2.2.1.3).
func (d *Dataset) SetString(tag Tag, values ...string) *Dataset {
	vr := DictionaryVR(tag)
	if value, ok := encodeNumbers(vr, values); ok {
		return d.Set(Element{Tag: tag, VR: vr, Value: value})
	}
	if vr == SQ || vr.unit() > 1 {
		vr = UN // text where none belongs: at least nobody takes it for something else
	}
	return d.Set(Element{Tag: tag, VR: vr, Value: pad(vr, []byte(strings.Join(values, `\`)))})
}

// SetText sets tag to a text in which a backslash is no separator (ST, LT, UT).
func (d *Dataset) SetText(tag Tag, text string) *Dataset { return d.SetString(tag, text) }

// SetUint16 sets tag to a number of VR US.
func (d *Dataset) SetUint16(tag Tag, v uint16) *Dataset {
	return d.Set(Element{Tag: tag, VR: US, Value: []byte{byte(v), byte(v >> 8)}})
}

// SetSequence sets tag to a sequence of items, which belong to d from then on.
func (d *Dataset) SetSequence(tag Tag, items ...*Dataset) *Dataset {
	return d.Set(Element{Tag: tag, VR: SQ, Items: items})
}

// Delete takes tag out, if it is there.
func (d *Dataset) Delete(tag Tag) *Dataset {
	if i, found := d.search(tag); found {
		d.Elements = slices.Delete(d.Elements, i, i+1)
	}
	return d
}

// Lookup finds the element of tag.
func (d *Dataset) Lookup(tag Tag) (*Element, bool) {
	if d == nil {
		return nil, false
	}
	i, found := d.search(tag)
	if !found {
		return nil, false
	}
	return &d.Elements[i], true
}

// Has reports whether tag is there, empty or not.
func (d *Dataset) Has(tag Tag) bool {
	_, found := d.Lookup(tag)
	return found
}

// Sequence returns the items of tag; none when it is absent, empty or no sequence.
func (d *Dataset) Sequence(tag Tag) []*Dataset {
	e, found := d.Lookup(tag)
	if !found {
		return nil
	}
	return e.Items
}

// Equal reports whether both data sets hold the same elements.
func (d *Dataset) Equal(other *Dataset) bool {
	if d == nil || other == nil {
		return d == other
	}
	return slices.EqualFunc(d.Elements, other.Elements, Element.Equal)
}

// search finds the place of tag.
func (d *Dataset) search(tag Tag) (int, bool) {
	return slices.BinarySearchFunc(d.Elements, tag, func(e Element, tag Tag) int { return cmp.Compare(e.Tag, tag) })
}
