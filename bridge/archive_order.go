package bridge

import (
	"cmp"
	"slices"
	"strconv"

	"pacsbridge/staging"
)

// place is that of a record or an attachment among those of its study, from 1:
// in the order in which they were made, as far as the old system says, and then
// of their keys. So versions of a report follow one another.
func (c *Collection) place(it *staging.Item) int {
	if c.places == nil {
		c.places = map[string]int{}
		for _, items := range [][]*staging.Item{c.Records(), c.Attachments()} {
			for i, known := range inOrderOfMaking(items) {
				c.places[string(known.Kind)+known.UID] = i + 1
			}
		}
	}
	return c.places[string(it.Kind)+it.UID]
}

func inOrderOfMaking(items []*staging.Item) []*staging.Item {
	made := map[*staging.Item]string{}
	for _, it := range items {
		if it.Kind == staging.Attachment {
			a, _ := attachmentOf(it) // one that cannot be read fails where it is made
			made[it] = a.CreatedAt
		}
	}
	ordered := slices.Clone(items)
	slices.SortStableFunc(ordered, func(a, b *staging.Item) int {
		return cmp.Or(cmp.Compare(made[a], made[b]), compareKeys(a.UID, b.UID))
	})
	return ordered
}

// compareKeys compares numbers by their value, and other keys as text.
func compareKeys(a, b string) int {
	m, errA := strconv.ParseInt(a, 10, 64)
	n, errB := strconv.ParseInt(b, 10, 64)
	if errA == nil && errB == nil {
		return cmp.Compare(m, n)
	}
	return cmp.Compare(a, b)
}
