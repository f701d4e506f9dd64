package bridge

import (
	"context"

	"pacsbridge/dimse"
	"pacsbridge/dimse/uid"
)

// storeDecompressed sends what NEW takes in no transfer syntax that says the same without
// compression, where a program for that is set, and gives receipts for what it refuses
// even so.
func (p *Peer) storeDecompressed(ctx context.Context, refused []Parcel, receipt func(Receipt)) error {
	var compressed []Parcel
	for _, parcel := range refused {
		if p.Decompress != nil && p.Decompress.can(parcel) {
			compressed = append(compressed, parcel)
		}
	}
	if len(compressed) == 0 {
		p.refuse(refused, receipt)
		return nil
	}
	syntax, err := p.plainSyntaxes(ctx, compressed)
	if err != nil {
		return err
	}
	var plain, hopeless []Parcel
	for _, parcel := range refused {
		if to := syntax[parcel.SOPClass]; to != "" && p.Decompress.can(parcel) {
			plain = append(plain, p.Decompress.parcel(ctx, parcel, to))
		} else {
			hopeless = append(hopeless, parcel)
		}
	}
	p.refuse(hopeless, receipt)
	again := &refusals{}
	if err := p.storeAll(ctx, plain, receipt, again); err != nil {
		return err
	}
	p.refuse(again.take(), receipt)
	return nil
}

// plainSyntaxes asks NEW in which uncompressed transfer syntax it takes each SOP class,
// so that no program runs for a class that it refuses in any.
func (p *Peer) plainSyntaxes(ctx context.Context, parcels []Parcel) (map[string]string, error) {
	var forms []Parcel
	for _, parcel := range parcels {
		for _, syntax := range []string{uid.ExplicitLE, uid.ImplicitLE} {
			forms = append(forms, Parcel{SOPClass: parcel.SOPClass, TransferSyntax: syntax})
		}
	}
	taken := map[string]string{}
	for _, load := range loads(forms) {
		err := p.with(ctx, dimse.ServiceStore, load.proposals, func(a *dimse.Association) error {
			for _, form := range load.parcels {
				if _, ok := a.Context(form.SOPClass, form.TransferSyntax); ok && taken[form.SOPClass] == "" {
					taken[form.SOPClass] = form.TransferSyntax
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return taken, nil
}
