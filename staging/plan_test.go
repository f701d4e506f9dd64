package staging_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"pacsbridge/staging"
)

func TestTheStockIsCountedBySort(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		l.fill(t)
		var got []staging.Stock
		for k, err := range l.Stock(l.ctx, staging.Scope{}) {
			must(t, err)
			got = append(got, k)
		}
		all, received, bytes := 0, 0, int64(0)
		for _, k := range got {
			all, received, bytes = all+k.Instances, received+k.Received, bytes+k.Bytes
		}
		if all != 2+2+3 || received != 3 || bytes == 0 {
			t.Errorf("stock of %d instances, %d received, %d bytes: %+v", all, received, bytes, got)
		}
		for k := range l.Stock(l.ctx, staging.Scope{StudyUIDs: []string{"1.9"}}) {
			t.Errorf("stock of a study that there is not: %s", cmp.Diff(nil, k))
		}
	})
}
