package bridge

import (
	"cmp"
	"iter"
	"math/rand/v2"
	"slices"

	"pacsbridge/staging"
)

// Sample is a random choice of studies. The same seed chooses the same studies of the
// same ledger.
type Sample struct {
	Size int    `json:"size"`
	Of   int    `json:"of"` // studies that it was drawn from
	Seed uint64 `json:"seed"`
}

// draw chooses Size of the studies, each with the same chance, and yields them in their
// order. Skipped ones do not count. It holds no more than the chosen ones.
func (s *Sample) draw(studies iter.Seq2[staging.Study, error]) iter.Seq2[staging.Study, error] {
	return func(yield func(staging.Study, error) bool) {
		type numbered struct {
			n int
			staging.Study
		}
		chance := rand.New(rand.NewPCG(s.Seed, 0))
		chosen := []numbered{}
		s.Of = 0
		for study, err := range studies {
			if err != nil {
				yield(study, err)
				return
			}
			if study.State == staging.Skipped {
				continue
			}
			s.Of++
			if len(chosen) < s.Size {
				chosen = append(chosen, numbered{s.Of, study})
			} else if at := chance.IntN(s.Of); at < s.Size {
				chosen[at] = numbered{s.Of, study}
			}
		}
		slices.SortFunc(chosen, func(a, b numbered) int { return cmp.Compare(a.n, b.n) })
		for _, c := range chosen {
			if !yield(c.Study, nil) {
				return
			}
		}
	}
}
