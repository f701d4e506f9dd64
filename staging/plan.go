package staging

import (
	"context"
	"iter"
)

// Stock counts the instances of one sort that are known one by one, in the studies of
// one department and the same modalities.
type Stock struct {
	Department, Modalities, SOPClass, TransferSyntax string

	Instances int
	Received  int   // those whose size is known
	Bytes     int64 // of them
}

// Stock yields what a scope holds by sort. Skipped instances are not in it.
func (db *DB) Stock(ctx context.Context, s Scope) iter.Seq2[Stock, error] {
	q := query{engine: db.engine}
	q.and("i.kind = 'instance' AND i.state <> 'skipped' AND s.state <> 'skipped'")
	q.scope("s", s)
	return stream(ctx, db, "stock", `SELECT s.department, s.modalities, i.sop_class, i.transfer_syntax, count(*),
			sum(CASE WHEN i.bytes > 0 THEN 1 ELSE 0 END), sum(i.bytes)
		FROM items AS i JOIN studies AS s ON s.id = i.study_id WHERE `+q.conditions()+`
		GROUP BY s.department, s.modalities, i.sop_class, i.transfer_syntax
		ORDER BY s.department, s.modalities, i.sop_class, i.transfer_syntax`, q.args, func(row scanner) (Stock, error) {
		var k Stock
		err := row.Scan(&k.Department, &k.Modalities, &k.SOPClass, &k.TransferSyntax, &k.Instances, &k.Received, &k.Bytes)
		return k, err
	})
}
