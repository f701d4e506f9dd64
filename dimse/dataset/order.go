package dataset

import (
	"cmp"
	"slices"
)

// Note is something odd that Decode met and mended.
type Note struct {
	Tag  Tag
	What string
}

// ordered puts elements in the order of their tags, and drops those whose tag came before; it notes what it did.
func ordered(elements []Element, notes []Note) ([]Element, []Note) {
	if slices.IsSortedFunc(elements, strictly) {
		return elements, notes
	}
	if !slices.IsSortedFunc(elements, byTag) {
		notes = noted(notes, elements[0].Tag, "elements out of order were put in order")
		slices.SortStableFunc(elements, byTag)
	}
	elements = slices.CompactFunc(elements, func(a, b Element) bool {
		if a.Tag == b.Tag {
			notes = noted(notes, a.Tag, "of two elements with this tag the first was kept")
		}
		return a.Tag == b.Tag
	})
	return elements, notes
}

func byTag(a, b Element) int { return cmp.Compare(a.Tag, b.Tag) }

// strictly is byTag, save that two with the same tag count as out of order.
func strictly(a, b Element) int {
	if a.Tag == b.Tag {
		return -1
	}
	return byTag(a, b)
}

// maxNotes is how many notes are taken; a flood of oddities is not told one by one.
const maxNotes = 16

func noted(notes []Note, tag Tag, what string) []Note {
	if len(notes) < maxNotes {
		notes = append(notes, Note{Tag: tag, What: what})
	}
	return notes
}
