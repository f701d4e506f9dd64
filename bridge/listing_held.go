package bridge

import (
	"context"
	"fmt"
	"slices"

	"pacsbridge/dimse/dataset"
)

// Held lists those of the given instances of a series that the PACS holds. One that
// answers only some of what was asked is asked for the rest.
func (p *Peer) Held(ctx context.Context, studyUID, seriesUID string, uids []string) ([]Listed, error) {
	var held []Listed
	for some := range slices.Chunk(uids, heldAtOnce) {
		for len(some) > 0 {
			found, err := p.heldOf(ctx, studyUID, seriesUID, some)
			if err != nil {
				return held, fmt.Errorf("ask for instances of series %s: %w", seriesUID, err)
			}
			if len(found) == 0 {
				break
			}
			held = append(held, found...)
			at := uidsOf(found)
			some = slices.DeleteFunc(slices.Clone(some), func(uid string) bool { return at[uid] })
		}
	}
	return held, nil
}

func (p *Peer) heldOf(ctx context.Context, studyUID, seriesUID string, uids []string) ([]Listed, error) {
	var held []Listed
	seen := map[string]bool{}
	asked := identifier(imageLevel, studyUID, seriesUID).SetString(dataset.SOPInstanceUID, uids...)
	err := p.find(ctx, asked, func(answer *dataset.Dataset) bool {
		if uid := answer.String(dataset.SOPInstanceUID); !seen[uid] && slices.Contains(uids, uid) && of(answer, studyUID) {
			seen[uid] = true
			held = append(held, Listed{UID: uid, SeriesUID: seriesUID, SOPClass: answer.String(dataset.SOPClassUID)})
		}
		return true
	})
	if err != nil && tooMany(err) && len(held) > 0 {
		return held, nil
	}
	return held, err
}

// heldAtOnce is how many UIDs one query names.
const heldAtOnce = 50
