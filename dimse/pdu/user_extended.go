package pdu

// Extended is a SOP class extended negotiation (PS3.7 §D.3.3.5); what the
// information means is written in the service class of the SOP class.
type Extended struct {
	SOPClass    string
	Information []byte
}

func (x *Extended) encode(e *encoder) {
	e.item(itemExtended, func() { e.string16(x.SOPClass); e.byte(x.Information...) })
}

// CommonExtended is a SOP class common extended negotiation (PS3.7 §D.3.3.6).
type CommonExtended struct {
	SOPClass     string
	ServiceClass string
	Related      []string // related general SOP classes
}

func (x *CommonExtended) encode(e *encoder) {
	e.item(itemCommonExtended, func() {
		e.string16(x.SOPClass)
		e.string16(x.ServiceClass)
		start := e.open16()
		for _, class := range x.Related {
			e.string16(class)
		}
		e.close16(start, "related general SOP classes")
	})
}

// commonExtended reads the item; every related class takes from room.
func (d *decoder) commonExtended(room *int) CommonExtended {
	x := CommonExtended{SOPClass: d.uid16(), ServiceClass: d.uid16()}
	related := decoder{rest: d.bytes(int(d.uint16())), err: d.err}
	for related.more() {
		if *room--; *room < 0 {
			d.fail("more than %d sub-items", maxUserItems)
			return x
		}
		x.Related = append(x.Related, related.uid16())
	}
	if related.err != nil {
		d.fail("related general SOP classes: %w", related.err)
	}
	return x
}
