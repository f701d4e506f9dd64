package bridge

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// errIgnoresDates tells that OLD answers every window with all that it has: one query
// for everything then serves all windows, at the end of the inventory.
var errIgnoresDates = errors.New("the old PACS does not match by dates; it is asked for everything at the end of the inventory")

// knowledge is what a census has learned of OLD, as the ledger keeps it, so that
// windows which are taken apart suspect the same as if one had taken them all. What
// windows were answered stands in their own rows.
type knowledge struct {
	Highest    int      `json:"highest,omitempty"`
	Ignored    []cut    `json:"ignored,omitempty"`
	Modalities []string `json:"modalities,omitempty"`
	Limits     []int    `json:"limits,omitempty"`

	Least    keys `json:"least,omitempty"` // of what OLD stumbles over
	Answered bool `json:"answered,omitempty"`
	Studies  int  `json:"studies,omitempty"`
	Divided  int  `json:"divided,omitempty"`
}

// recall adds what the ledger keeps to what the census knows.
func (c *census) recall(text string) error {
	if text == "" {
		return nil
	}
	var k knowledge
	if err := json.Unmarshal([]byte(text), &k); err != nil {
		return fmt.Errorf("read what is known of the old PACS: %w", err)
	}
	c.highest = max(c.highest, k.Highest)
	for _, by := range k.Ignored {
		c.ignored[by] = true
	}
	for _, modality := range k.Modalities {
		c.modalities[modality] = true
	}
	for _, limit := range k.Limits {
		c.limits[limit] = true
	}
	c.stumbling = stumbling{least: max(c.least, k.Least), answered: c.answered || k.Answered, studies: max(c.studies, k.Studies),
		divided: max(c.divided, k.Divided)}
	return nil
}

// known is what the census knows, with what the ledger keeps.
func (c *census) known(before string) (string, error) {
	if err := c.recall(before); err != nil {
		return "", err
	}
	text, err := json.Marshal(knowledge{Highest: c.highest, Ignored: slices.Sorted(maps.Keys(c.ignored)),
		Modalities: slices.Sorted(maps.Keys(c.modalities)), Limits: slices.Sorted(maps.Keys(c.limits)),
		Least: c.least, Answered: c.answered, Studies: c.studies, Divided: c.divided})
	return string(text), err
}

// believed is the number of answers to a window that were believed at once, or -1.
func (c *census) believed(w Window) int {
	if rows, accepted := c.accepted[w]; accepted {
		return rows
	}
	return -1
}

// comesAgain reports whether a window was believed that had the highest number of
// answers, and another had the same: taken at the same time, neither knew of the other.
func (c *census) comesAgain(w Window) bool {
	rows, accepted := c.accepted[w]
	if !accepted || rows < 5 || rows < c.highest {
		return false
	}
	for other, its := range c.accepted {
		if other != w && its == rows {
			return true
		}
	}
	return false
}
