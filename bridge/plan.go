package bridge

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"pacsbridge/dimse"
	"pacsbridge/dimse/uid"
	"pacsbridge/staging"
)

// Plan tells what a migration of a range would move, before it does.
type Plan struct {
	Range   staging.Scope `json:"range"`
	Groups  []PlanGroup   `json:"groups"`
	Total   PlanCounts    `json:"total"`
	Left    PlanCounts    `json:"left"`    // of it, what is not at its end
	Objects []PlanObject  `json:"objects"` // the sorts of instances, as far as they are known
	Seconds float64       `json:"seconds"` // forecast for what is left, at the rates of the settings; 0: unknown
	Asked   int           `json:"asked"`   // studies that OLD was asked to list, to learn sorts
}

// PlanGroup is the part of a range that one department has of one modality.
type PlanGroup struct {
	Department string `json:"department"`
	Modality   string `json:"modality"` // several are joined by a backslash, as OLD gives them
	PlanCounts
}

// PlanCounts are the numbers of a plan.
type PlanCounts struct {
	Studies   int   `json:"studies"`
	Instances int   `json:"instances"`         // listed by OLD
	Uncounted int   `json:"uncounted_studies"` // studies of which OLD does not say how many instances they have
	Bytes     int64 `json:"bytes"`             // of the instances whose size is known
	Sized     int   `json:"sized_instances"`   // how many those are
	Estimate  int64 `json:"estimated_bytes"`   // of all instances, from the mean of those; 0: unknown
}

// PlanObject is one sort of instances, and whether NEW takes it.
type PlanObject struct {
	SOPClass       string `json:"sop_class"`
	Name           string `json:"sop_class_name"`
	TransferSyntax string `json:"transfer_syntax"`
	Syntax         string `json:"transfer_syntax_name"`
	Instances      int    `json:"instances"` // known of this sort
	Presumed       bool   `json:"presumed"`  // OLD may send the class in this syntax; nothing says that it will
	Taken          *bool  `json:"taken"`     // by NEW; null where it was not asked
}

// Stocktaking reads the ledger for a plan.
type Stocktaking interface {
	Studies(ctx context.Context, s staging.Scope) iter.Seq2[staging.Study, error]
	Stock(ctx context.Context, s staging.Scope) iter.Seq2[staging.Stock, error]
}

// Taker tells which objects a PACS takes.
type Taker interface {
	Accepts(ctx context.Context, proposals []dimse.Proposal) ([]bool, error)
}

// Planner makes plans from the ledger, and from what both PACS say when they are asked.
type Planner struct {
	Ledger Stocktaking
	Old    Lister // lists some studies, to learn the SOP classes; nil: nobody is asked
	Ask    int    // how many studies of each department and modality it lists
	New    Taker  // nil: nobody is asked
	Rate   int64  // bytes a second, the least of the settings; 0: not bounded
}

// Plan counts the studies of a scope.
func (p *Planner) Plan(ctx context.Context, scope staging.Scope) (Plan, error) {
	plan := Plan{Range: scope, Groups: []PlanGroup{}, Objects: []PlanObject{}}
	groups, unknown, err := p.count(ctx, &plan)
	if err != nil {
		return plan, err
	}
	objects, err := p.stock(ctx, scope, groups)
	if err != nil {
		return plan, err
	}
	if err := p.learn(ctx, &plan, unknown, objects); err != nil {
		return plan, err
	}
	plan.estimate(groups, p.Rate)
	for o := range maps.Values(objects) {
		plan.Objects = append(plan.Objects, *o)
	}
	slices.SortFunc(plan.Objects, func(a, b PlanObject) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.SOPClass, b.SOPClass), cmp.Compare(a.TransferSyntax, b.TransferSyntax))
	})
	return plan, p.propose(ctx, plan.Objects)
}

// groupKey is what a group of studies has in common.
type groupKey struct{ department, modality string }

// planned is a group while it is counted.
type planned struct {
	all, left PlanCounts
}

// count counts the studies by group, and picks some of each group for OLD to list.
func (p *Planner) count(ctx context.Context, plan *Plan) (map[groupKey]*planned, []string, error) {
	groups := map[groupKey]*planned{}
	picked := map[groupKey]int{}
	var some []string
	for study, err := range p.Ledger.Studies(ctx, plan.Range) {
		if err != nil {
			return nil, nil, fmt.Errorf("read the studies: %w", err)
		}
		if study.State == staging.Skipped {
			continue
		}
		key := groupKey{study.Department, study.Modalities}
		if groups[key] == nil {
			groups[key] = &planned{}
		}
		groups[key].all.add(study)
		if study.State != staging.Migrated { // those that failed too: the next run takes them again
			groups[key].left.add(study)
			if study.Kind == staging.Images && picked[key] < p.Ask {
				picked[key]++
				some = append(some, study.UID)
			}
		}
	}
	return groups, some, nil
}

func (c *PlanCounts) add(study staging.Study) {
	c.Studies++
	if study.ListedInstances < 0 && study.Kind == staging.Images {
		c.Uncounted++
	}
	c.Instances += max(study.ListedInstances, 0)
}

// objectSort is a SOP class in a transfer syntax.
type objectSort struct{ class, syntax string }

// stock adds what the ledger knows of single instances.
func (p *Planner) stock(ctx context.Context, scope staging.Scope, groups map[groupKey]*planned) (map[objectSort]*PlanObject, error) {
	objects := map[objectSort]*PlanObject{}
	for stock, err := range p.Ledger.Stock(ctx, scope) {
		if err != nil {
			return nil, fmt.Errorf("read the stock: %w", err)
		}
		if g := groups[groupKey{stock.Department, stock.Modalities}]; g != nil {
			g.all.Bytes += stock.Bytes
			g.all.Sized += stock.Received
		}
		if stock.SOPClass != "" && stock.TransferSyntax != "" {
			objectOf(objects, objectSort{stock.SOPClass, stock.TransferSyntax}).Instances += stock.Instances
		} else if stock.SOPClass != "" {
			presume(objects, stock.SOPClass)
		}
	}
	return objects, nil
}

func objectOf(objects map[objectSort]*PlanObject, s objectSort) *PlanObject {
	if objects[s] == nil {
		objects[s] = &PlanObject{SOPClass: s.class, Name: uid.Name(s.class), TransferSyntax: s.syntax, Syntax: uid.Name(s.syntax)}
	}
	return objects[s]
}

// usualSyntaxes are those that archives keep images in. In which one OLD will send an
// instance shows only when it does.
var usualSyntaxes = []string{uid.ExplicitLE, uid.ImplicitLE, uid.JPEGBaseline, uid.JPEGLossless, uid.JPEGLSLossless, uid.JPEG2000Lossless, uid.JPEG2000, uid.RLE}

// presume adds a SOP class whose transfer syntaxes are not known. Objects without pixels
// are not compressed.
func presume(objects map[objectSort]*PlanObject, class string) {
	syntaxes := usualSyntaxes
	if !strings.Contains(uid.Name(class), "Image") {
		syntaxes = syntaxes[:2]
	}
	for _, syntax := range syntaxes {
		if s := (objectSort{class, syntax}); objects[s] == nil {
			objectOf(objects, s).Presumed = true
		}
	}
}

// learn asks OLD for the instances of some studies that nothing is known of.
func (p *Planner) learn(ctx context.Context, plan *Plan, studies []string, objects map[objectSort]*PlanObject) error {
	if p.Old == nil {
		return nil
	}
	for _, study := range studies {
		listed, err := p.Old.Instances(ctx, study)
		if err != nil && !as[*ShortListError](err) {
			return err
		}
		plan.Asked++
		for _, l := range listed {
			if l.SOPClass != "" {
				presume(objects, l.SOPClass)
			}
		}
	}
	return nil
}

// estimate adds everything up, and guesses the bytes of each group from the mean size of
// its instances, or of all where none of its own is known.
func (p *Plan) estimate(groups map[groupKey]*planned, rate int64) {
	for key, g := range groups {
		p.Total.merge(g.all)
		p.Groups = append(p.Groups, PlanGroup{Department: key.department, Modality: key.modality, PlanCounts: g.all})
	}
	slices.SortFunc(p.Groups, func(a, b PlanGroup) int {
		return cmp.Or(cmp.Compare(a.Department, b.Department), cmp.Compare(a.Modality, b.Modality))
	})
	for i := range p.Groups {
		g := &p.Groups[i]
		mean := g.mean()
		if mean == 0 {
			mean = p.Total.mean()
		}
		g.Estimate = int64(mean * float64(g.Instances))
		p.Total.Estimate += g.Estimate
		left := groups[groupKey{g.Department, g.Modality}].left
		left.Estimate = int64(mean * float64(left.Instances))
		p.Left.merge(left)
		p.Left.Estimate += left.Estimate
	}
	if rate > 0 {
		p.Seconds = (time.Duration(float64(p.Left.Estimate) / float64(rate) * float64(time.Second))).Seconds()
	}
}

func (c *PlanCounts) merge(o PlanCounts) {
	c.Studies += o.Studies
	c.Instances += o.Instances
	c.Uncounted += o.Uncounted
	c.Bytes += o.Bytes
	c.Sized += o.Sized
}

func (c *PlanCounts) mean() float64 {
	if c.Sized == 0 {
		return 0
	}
	return float64(c.Bytes) / float64(c.Sized)
}

// propose asks NEW which objects it takes.
func (p *Planner) propose(ctx context.Context, objects []PlanObject) error {
	if p.New == nil || len(objects) == 0 {
		return nil
	}
	proposals := make([]dimse.Proposal, len(objects))
	for i, o := range objects {
		proposals[i] = dimse.Proposal{SOPClass: o.SOPClass, TransferSyntaxes: []string{o.TransferSyntax}}
	}
	taken, err := p.New.Accepts(ctx, proposals)
	if err != nil {
		return err
	}
	for i := range objects {
		objects[i].Taken = &taken[i]
	}
	return nil
}

var _ Taker = (*Peer)(nil)

// Accepts proposes presentation contexts to the PACS, as many at a time as fit into one
// association, and tells which it accepts. Nothing is sent.
func (p *Peer) Accepts(ctx context.Context, proposals []dimse.Proposal) ([]bool, error) {
	accepted := make([]bool, 0, len(proposals))
	for some := range slices.Chunk(proposals, maxContexts) {
		a, err := p.Dialer.Dial(ctx, some)
		if err != nil {
			return nil, p.named(err)
		}
		for _, proposal := range some {
			_, ok := a.Context(proposal.SOPClass, proposal.TransferSyntaxes[0])
			accepted = append(accepted, ok)
		}
		p.release(ctx, a)
	}
	return accepted, nil
}
