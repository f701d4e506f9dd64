package bridge

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

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

// compareKeys compares keys as people read them: R-9 stands before R-10.
func compareKeys(a, b string) int {
	for a != "" && b != "" {
		partA, restA := firstPart(a)
		partB, restB := firstPart(b)
		m, errA := strconv.ParseUint(partA, 10, 64)
		n, errB := strconv.ParseUint(partB, 10, 64)
		order := cmp.Compare(partA, partB)
		if errA == nil && errB == nil {
			order = cmp.Or(cmp.Compare(m, n), order)
		}
		if order != 0 {
			return order
		}
		a, b = restA, restB
	}
	return cmp.Compare(a, b)
}

// firstPart cuts off the digits that a key begins with, or all before the first.
func firstPart(key string) (part, rest string) {
	digits := isDigit(rune(key[0]))
	end := strings.IndexFunc(key, func(r rune) bool { return isDigit(r) != digits })
	if end < 0 {
		return key, ""
	}
	return key[:end], key[end:]
}

func isDigit(r rune) bool { return '0' <= r && r <= '9' }
