package staging_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"pacsbridge/staging"
)

func TestTheCatalogueIsReadPageByPage(t *testing.T) {
	eachEngine(t, func(t *testing.T, l *ledger) {
		for i := range 7 {
			l.stage(t, study(i))
		}
		l.stage(t, staging.Study{UID: "1.2.undated", PatientID: "P1", ListedInstances: -1})
		must(t, l.migrate(l.claim(t, "1.2.3"), []staging.Item{{Kind: staging.Instance, UID: "1.9", Bytes: 100}}))
		for name, test := range map[string]struct {
			filter staging.StudyFilter
			want   []string
		}{
			"all":              {staging.StudyFilter{}, []string{"1.2.0", "1.2.1", "1.2.2", "1.2.3", "1.2.4", "1.2.5", "1.2.6", "1.2.undated"}},
			"a range":          {staging.StudyFilter{From: "2026-01-02", To: "2026-01-04"}, []string{"1.2.1", "1.2.2", "1.2.3"}},
			"an open range":    {staging.StudyFilter{To: "2026-01-02"}, []string{"1.2.0", "1.2.1"}},
			"a patient":        {staging.StudyFilter{PatientID: "P1"}, []string{"1.2.1", "1.2.undated"}},
			"a patient, dated": {staging.StudyFilter{PatientID: "P1", From: "2026-01-01"}, []string{"1.2.1"}},
			"accession":        {staging.StudyFilter{AccessionNumber: "A4"}, []string{"1.2.4"}},
			"UIDs":             {staging.StudyFilter{UIDs: []string{"1.2.5", "1.2.3", "9"}}, []string{"1.2.3", "1.2.5"}},
			"nobody":           {staging.StudyFilter{PatientID: "X"}, nil},
		} {
			var got []string
			var after int64
			for {
				page, err := l.Catalogue(l.ctx, test.filter, after, 3)
				must(t, err)
				for _, e := range page {
					got, after = append(got, e.UID), e.ID
					want := staging.InstanceCounts{Expected: 2}
					switch e.UID {
					case "1.2.3":
						want = staging.InstanceCounts{Expected: 1, Received: 1, Stored: 1, Verified: 1}
					case "1.2.undated":
						want = staging.InstanceCounts{}
					}
					if e.Instances != want {
						t.Errorf("%s: numbers %+v, want %+v", e.UID, e.Instances, want)
					}
				}
				if len(page) < 3 {
					break
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
	})
}
