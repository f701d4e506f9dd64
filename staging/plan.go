package staging

import (
	"cmp"
	"context"
	"iter"
	"maps"
	"slices"
)

// Stock counts the instances of one sort that are known one by one, in the studies of
// one department and the same modalities.
type Stock struct {
	Department, Modalities, SOPClass, TransferSyntax string

	Instances int
	Received  int   // those whose size is known
	Bytes     int64 // of them
}

// sort is what the instances of one Stock have in common.
type sort struct{ department, modalities, sopClass, transferSyntax string }

// Stock yields what a scope holds by sort. Skipped instances are not in it.
func (db *DB) Stock(ctx context.Context, s Scope) iter.Seq2[Stock, error] {
	return func(yield func(Stock, error) bool) {
		stock := map[sort]*Stock{}
		err := cmp.Or(db.stockOfRows(ctx, s, stock), db.stockOfManifests(ctx, s, stock))
		if err != nil {
			yield(Stock{}, db.wrap("stock", err))
			return
		}
		sorts := slices.SortedFunc(maps.Keys(stock), func(a, b sort) int {
			return cmp.Or(cmp.Compare(a.department, b.department), cmp.Compare(a.modalities, b.modalities),
				cmp.Compare(a.sopClass, b.sopClass), cmp.Compare(a.transferSyntax, b.transferSyntax))
		})
		for _, k := range sorts {
			if !yield(*stock[k], nil) {
				return
			}
		}
	}
}

// stockOfRows counts the instances of studies that are on their way.
func (db *DB) stockOfRows(ctx context.Context, s Scope, stock map[sort]*Stock) error {
	q := query{engine: db.engine}
	q.and("i.kind = 'instance' AND i.state <> 'skipped' AND s.state <> 'skipped'")
	q.scope("s", s)
	return db.each(ctx, `SELECT s.department, s.modalities, i.sop_class, i.transfer_syntax, count(*),
			sum(CASE WHEN i.bytes > 0 THEN 1 ELSE 0 END), sum(i.bytes)
		FROM items AS i JOIN studies AS s ON s.id = i.study_id WHERE `+q.conditions()+`
		GROUP BY s.department, s.modalities, i.sop_class, i.transfer_syntax`, q.args, func(row scanner) error {
		var k Stock
		err := row.Scan(&k.Department, &k.Modalities, &k.SOPClass, &k.TransferSyntax, &k.Instances, &k.Received, &k.Bytes)
		stock[sort{k.Department, k.Modalities, k.SOPClass, k.TransferSyntax}] = &k
		return err
	})
}

// stockOfManifests counts the instances of migrated studies.
func (db *DB) stockOfManifests(ctx context.Context, s Scope, stock map[sort]*Stock) error {
	q := query{engine: db.engine}
	q.scope("s", s)
	return db.each(ctx, `SELECT s.department, s.modalities, m.items FROM studies AS s JOIN manifests AS m ON m.study_id = s.id
		WHERE `+q.conditions(), q.args, func(row scanner) error {
		var department, modalities string
		var manifest []byte
		if err := row.Scan(&department, &modalities, &manifest); err != nil {
			return err
		}
		items, err := unpack(manifest)
		if err != nil {
			return err
		}
		for _, it := range items {
			if it.Kind != Instance || it.State == ItemSkipped {
				continue
			}
			key := sort{department, modalities, it.SOPClass, it.TransferSyntax}
			if stock[key] == nil {
				stock[key] = &Stock{Department: department, Modalities: modalities, SOPClass: it.SOPClass, TransferSyntax: it.TransferSyntax}
			}
			stock[key].Instances++
			if it.Bytes > 0 {
				stock[key].Received++
			}
			stock[key].Bytes += it.Bytes
		}
		return nil
	})
}
