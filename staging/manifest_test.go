package staging_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/big"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"pacsbridge/staging"
)

var someItems = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) staging.Item {
	text := rapid.String()
	digest := rapid.SampledFrom([]string{"", "aa", "AB", hex.EncodeToString(make([]byte, 32))})
	return staging.Item{
		Kind: rapid.SampledFrom([]staging.ItemKind{staging.Instance, staging.Record, staging.Attachment}).Draw(t, "kind"),
		UID:  text.Draw(t, "uid"), ObjectUID: text.Draw(t, "object"), SeriesUID: text.Draw(t, "series"), SOPClass: text.Draw(t, "class"),
		TransferSyntax: text.Draw(t, "syntax"), State: staging.ItemDone, Class: staging.Data, Reason: text.Draw(t, "reason"),
		Warning: text.Draw(t, "warning"), Bytes: rapid.Int64Min(0).Draw(t, "bytes"), SHA256: digest.Draw(t, "digest"),
		Received: rapid.Bool().Draw(t, "received"), Stored: rapid.Bool().Draw(t, "stored"), Found: rapid.Bool().Draw(t, "found"),
		Payload: rapid.SampledFrom([][]byte{nil, {}, []byte(`{"a":1}`)}).Draw(t, "payload"), Archive: text.Draw(t, "archive"),
	}
}), 0, 20)

func TestAManifestGivesItsItemsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		items := someItems.Draw(t, "items")
		packed, err := staging.Pack(items)
		if err != nil {
			t.Fatal(err)
		}
		got, err := staging.Unpack(packed)
		if err != nil {
			t.Fatal(err)
		}
		if len(items) == 0 {
			items = got
		}
		if diff := cmp.Diff(items, got); diff != "" {
			t.Error(diff)
		}
	})
}

func FuzzADamagedManifestIsAnError(f *testing.F) {
	packed, err := staging.Pack(done(instances("1.2", 3)))
	must(f, err)
	f.Add(packed)
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, b []byte) {
		items, err := staging.Unpack(b)
		if err == nil {
			_, err = staging.Pack(items)
		}
		_ = err // no panic, no endless memory
	})
}

// realInstances look as a CT writes them: UIDs of a prefix and a random number.
func realInstances(study, n int) []staging.Item {
	items := make([]staging.Item, n)
	for i := range items {
		digest := sha256.Sum256(fmt.Append(nil, study, i))
		uid := "2.25." + new(big.Int).SetBytes(digest[:16]).String()
		items[i] = staging.Item{
			Kind: staging.Instance, UID: uid, ObjectUID: uid, SeriesUID: fmt.Sprintf("1.3.12.2.1107.5.1.4.%d.%d", study, i/50),
			SOPClass: "1.2.840.10008.5.1.4.1.1.2", TransferSyntax: "1.2.840.10008.1.2.1", State: staging.ItemDone,
			Bytes: 526_000 + int64(digest[20]), SHA256: hex.EncodeToString(digest[:]), Received: true, Stored: true, Found: true,
		}
	}
	return items
}

func TestAnInstanceAtRestTakesSixtyBytes(t *testing.T) {
	for _, n := range []int{100, 1000} {
		packed, err := staging.Pack(realInstances(1, n))
		must(t, err)
		const codes = 500 // of the compression, once a study
		if len(packed) > codes+60*n {
			t.Errorf("%d instances: %d bytes", n, len(packed))
		}
	}
}
