package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"pacsbridge/bridge"
	"pacsbridge/dimse/uid"
	"pacsbridge/staging"
)

// selection is which studies discover and migrate are about: a range of days, or
// studies named one way or another.
type selection struct {
	days       dayRange
	studies    []string
	patients   []string
	accessions []string
	list       string
	undated    bool
}

func (s *selection) addFlags(flags *pflag.FlagSet) {
	s.days.addFlags(flags)
	flags.StringArrayVar(&s.studies, "study", nil, "Study Instance UID, in place of days; may be given several times")
	flags.StringArrayVar(&s.patients, "patient", nil, "patient ID: all studies of the patient; may be given several times")
	flags.StringArrayVar(&s.accessions, "accession", nil, "accession number; may be given several times")
	flags.BoolVar(&s.undated, "undated", false, "with days: the studies without a Study Date as well, which no day finds")
	flags.StringVar(&s.list, "list", "", "CSV file whose first column holds Study Instance UIDs")
}

// queries returns what is named, or nothing where days are.
func (s *selection) queries() ([]bridge.StudyQuery, error) {
	if err := errors.Join(uidsOnly("--study", s.studies), onesOnly("--patient", s.patients), onesOnly("--accession", s.accessions)); err != nil {
		return nil, err
	}
	studies := s.studies
	if s.list != "" {
		listed, err := readList(s.list)
		if err != nil {
			return nil, usagef("--list %s: %w", s.list, err)
		}
		if err := uidsOnly("--list "+s.list+":", listed); err != nil {
			return nil, err
		}
		studies = append(studies, listed...)
	}
	var queries []bridge.StudyQuery
	for _, uid := range studies {
		queries = append(queries, bridge.StudyQuery{StudyUID: uid})
	}
	for _, id := range s.patients {
		queries = append(queries, bridge.StudyQuery{PatientID: id})
	}
	for _, number := range s.accessions {
		queries = append(queries, bridge.StudyQuery{AccessionNumber: number})
	}
	return queries, nil
}

// uidsOnly refuses what is no UID: an empty one, or a wildcard, would be any study.
func uidsOnly(flag string, values []string) error {
	for _, value := range values {
		if !uid.Opaque(value) || strings.ContainsAny(value, "*?") {
			return usagef("%s %q is not a UID", flag, value)
		}
	}
	return nil
}

// onesOnly refuses values that stand for several, or for any (PS3.4 §C.2.2.2).
func onesOnly(flag string, values []string) error {
	for _, value := range values {
		if strings.TrimSpace(value) == "" {
			return usagef("%s is empty, which would be every study", flag)
		}
		if strings.ContainsAny(value, `*?\`) {
			return usagef(`%s takes one value, without *, ? and \; give it several times for several`, flag)
		}
	}
	return nil
}

// byteOrderMark begins a text in UTF-8 that a spreadsheet has saved.
const byteOrderMark = "\ufeff"

// readList reads the first column of a CSV file; a heading is passed over.
func readList(path string) ([]string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	reader := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(text, []byte(byteOrderMark))))
	reader.FieldsPerRecord = -1
	var uids []string
	for {
		row, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return uids, nil
		}
		if err != nil {
			return nil, err
		}
		first := strings.TrimSpace(row[0])
		if line, _ := reader.FieldPos(0); line == 1 && !startsWithDigit(first) {
			continue
		}
		if first != "" {
			uids = append(uids, first)
		}
	}
}

func startsWithDigit(text string) bool { return text != "" && '0' <= text[0] && text[0] <= '9' }

// errNothingSelected asks for a selection where there was none, or two.
var errNothingSelected = usagef("say which studies: --from and --to, or --study, --patient, --accession or --list")

// order is a selection made ready: the scope it has in the ledger, and how its
// inventory is taken.
type order struct {
	scope     staging.Scope
	inventory func(context.Context) error
}

// resolve makes a selection ready. Named studies are looked up at OLD at once,
// since their UIDs are the scope; a range of days is left to the inventory.
func (s *selection) resolve(ctx context.Context, r *rig) (order, error) {
	queries, err := s.queries()
	if err != nil {
		return order{}, err
	}
	from, to, err := s.days.days()
	if err != nil {
		return order{}, err
	}
	dated := !from.IsZero() && !to.IsZero()
	halfDated := from.IsZero() != to.IsZero()
	switch {
	case halfDated, dated == (len(queries) > 0):
		return order{}, errNothingSelected
	case s.undated && !dated:
		return order{}, usagef("--undated goes with --from and --to")
	case dated:
		return rangeOrder(r, staging.Scope{From: isoDay(from), To: isoDay(to), Undated: s.undated})
	}
	uids, err := r.lookUp(ctx, queries)
	if err != nil {
		return order{}, err
	}
	return order{scope: staging.Scope{StudyUIDs: uids}, inventory: func(context.Context) error { return nil }}, nil
}

// rangeOrder is the order to take the inventory of a range of days.
func rangeOrder(r *rig, scope staging.Scope) (order, error) {
	days := dayRange{scope.From, scope.To}
	from, to, err := days.days()
	return order{scope: scope, inventory: func(ctx context.Context) error {
		going, err := r.db.BeginInventory(ctx, scope)
		if err != nil {
			return err
		}
		if going {
			r.log.Info("an inventory that was interrupted goes on", "from", scope.From, "to", scope.To)
		}
		inventory := r.inventory()
		inventory.Undated = scope.Undated
		if inventory.Known, err = r.db.Knowledge(ctx, scope); err != nil {
			return err
		}
		found, err := inventory.Range(ctx, from, to)
		r.log.Info("inventory taken", "from", scope.From, "to", scope.To, "studies", found.Studies, "records", found.Records,
			"new", found.New, "reopened", found.Reopened, "undated", found.Undated)
		if err != nil {
			return err
		}
		return r.db.FinishInventory(ctx, scope)
	}}, err
}

// lookUp stages the named studies and returns their UIDs. A study that OLD does
// not list counts when the ledger knows it: it may be a record without images.
func (r *rig) lookUp(ctx context.Context, queries []bridge.StudyQuery) ([]string, error) {
	var uids []string
	for _, q := range queries {
		found, _, err := r.inventory().Named(ctx, q)
		if err != nil {
			return nil, err
		}
		if len(found) == 0 && q.StudyUID != "" {
			if _, _, err := r.db.Study(ctx, q.StudyUID); err == nil {
				found = []string{q.StudyUID}
			}
		}
		if len(found) == 0 {
			return nil, withHint(fmt.Errorf("the old PACS lists no study for %s", named(q)), "ask it yourself: pacsbridge find old --help")
		}
		uids = append(uids, found...)
	}
	return uids, nil
}

// named says how a study was named on the command line. The patient's ID is not
// repeated: what is printed may be logged.
func named(q bridge.StudyQuery) string {
	switch {
	case q.StudyUID != "":
		return "--study " + q.StudyUID
	case q.AccessionNumber != "":
		return "--accession " + q.AccessionNumber
	}
	return "a --patient"
}
