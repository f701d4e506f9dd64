package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"

	"pacsbridge/dimse/dimsetest"
)

const (
	movesAs = "SCRIPT"
	maxPDU  = "131072" // 30 to 50 % faster than what DCMTK has by default, so it is given to all
)

var studyOfAnswer = regexp.MustCompile(`\(0020,000d\) UI \[([0-9.]+)`)

// script is what people write: findscu for each day; for each study movescu into
// the folder of a storescp, and storescu of that folder; at so many studies at a time.
func (r *race) script(at int) func(context.Context, *corpus) (usage, error) {
	return func(ctx context.Context, c *corpus) (used usage, err error) {
		t := &tools{nagle: r.nagle}
		asked := map[string]bool{}
		for _, s := range c.studies {
			asked[s.uid] = true
		}
		var found []string
		for _, day := range c.days() {
			said, err := t.run(ctx, "findscu", "-S", "-aet", movesAs, "-aec", r.old.AE, "-k", "QueryRetrieveLevel=STUDY",
				"-k", "StudyDate="+day, "-k", "StudyInstanceUID", r.old.Host(), r.old.Port())
			if err != nil {
				return t.used, err
			}
			for _, answer := range studyOfAnswer.FindAllStringSubmatch(said, -1) {
				if asked[answer[1]] {
					delete(asked, answer[1])
					found = append(found, answer[1])
				}
			}
		}
		free := make(chan *dimsetest.Storescp, at)
		for _, spool := range r.spools[:at] {
			before := groupUsage(spool.Pid())
			defer func() { used = used.and(groupUsage(spool.Pid()).since(before)) }()
			free <- spool
		}
		err = spread(ctx, at, found, func(ctx context.Context, uid string) error {
			spool := <-free
			defer func() { free <- spool }()
			return r.relay(ctx, t, uid, spool)
		})
		return t.used, err
	}
}

// relay moves one study into a spool, sends it on and throws it away.
func (r *race) relay(ctx context.Context, t *tools, uid string, spool *dimsetest.Storescp) error {
	if err := r.move(ctx, t, uid, spool.AE); err != nil {
		return err
	}
	_, err := t.run(ctx, "storescu", "--required", "--max-pdu", maxPDU, "--scan-directories", "-aet", movesAs, "-aec", r.new.AE,
		r.new.Host(), r.new.Port(), spool.Dir)
	if err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(spool.Dir, "*"))
	for _, file := range files {
		err = errors.Join(err, os.Remove(file))
	}
	return err
}

func (r *race) move(ctx context.Context, t *tools, uid, to string) error {
	_, err := t.run(ctx, "movescu", "-S", "--max-pdu", maxPDU, "-aet", movesAs, "-aec", r.old.AE, "-aem", to,
		"-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID="+uid, r.old.Host(), r.old.Port())
	return err
}

// direct tells OLD to send straight to NEW, study by study, so many at a time.
func (r *race) direct(at int) func(context.Context, *corpus) (usage, error) {
	return func(ctx context.Context, c *corpus) (usage, error) {
		t := &tools{nagle: r.nagle}
		err := spread(ctx, at, c.studies, func(ctx context.Context, s study) error { return r.move(ctx, t, s.uid, r.new.AE) })
		return t.used, err
	}
}
