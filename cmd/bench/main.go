// Command bench measures how fast pacsbridge carries an archive across, beside
// what else there is for the purpose: the script of DCMTK tools that people write,
// the old PACS pushing straight to the new one, Orthanc's own transfer. It starts
// real servers, runs the contenders in turn, compares what arrived with a control,
// and prints the table of what must be reached. docs/performance.md explains the
// figures.
//
// It is no part of the product: it needs DCMTK, Orthanc and the Go tool.
//
//	go run ./cmd/bench                         # everything, five rounds
//	go run ./cmd/bench -quick -only ct         # a first look
//	go run ./cmd/bench -only dcmqrscp -profile /tmp/profiles
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
)

// bench is one run of the program.
type bench struct {
	rounds     int
	quick      bool
	only       *regexp.Regexp
	who        *regexp.Regexp
	out        string // folder for plot and results
	binary     string // pacsbridge
	before     string // an earlier build of it, to compare with, or ""
	profile    string // folder for profiles of pacsbridge, or ""
	settings   nodeSettings
	results    results
	corpora    map[string]*corpus
	dir        string // for files of the run
	network    string // what it was measured in
	digestCost float64

	ledgerStudies int  // in the ledger of the lines on bookkeeping
	plans         bool // print all that the benchmarks of the ledger print: the plans of its statements
}

// nodeSettings are those settings of pacsbridge that are tried out here.
type nodeSettings struct {
	oldAssociations, newAssociations, workers int
	memory                                    int64 // megabytes
	more                                      string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if len(os.Args) == 3 && os.Args[1] == relayVerb {
		exit(runRelay(ctx, os.Args[2]))
		return
	}
	b := &bench{results: results{}, corpora: map[string]*corpus{}}
	only := flag.String("only", "", "regular expression: the scenarios to run")
	who := flag.String("contenders", "", "regular expression: the contenders to run in the races")
	flag.IntVar(&b.rounds, "rounds", 0, "how often each contender runs (default 5, with -quick 1)")
	flag.BoolVar(&b.quick, "quick", false, "small corpora")
	flag.StringVar(&b.out, "out", "", "folder for the plot and the results (default: none are written)")
	flag.StringVar(&b.binary, "binary", "", "pacsbridge to measure (default: build it)")
	flag.StringVar(&b.before, "before", "", "earlier build of pacsbridge that runs in turn with the others")
	flag.StringVar(&b.profile, "profile", "", "folder for profiles of pacsbridge")
	flag.IntVar(&b.settings.oldAssociations, "old", 5, "old.associations")
	flag.IntVar(&b.settings.newAssociations, "new", 4, "new.associations")
	flag.IntVar(&b.settings.workers, "workers", 6, "migration.workers")
	flag.Int64Var(&b.settings.memory, "memory", 256, "staging.memory in MB")
	flag.IntVar(&b.ledgerStudies, "studies", 1_000_000, "studies in the ledger whose cost is measured")
	flag.BoolVar(&b.plans, "plans", false, "print the plans of the ledger's statements")
	flag.StringVar(&b.settings.more, "settings", "", "further lines of pacsbridge.yaml")
	flag.Parse()
	b.only, b.who = regexp.MustCompile(*only), regexp.MustCompile(*who)
	switch {
	case b.rounds == 0 && b.quick:
		b.rounds = 1
	case b.rounds == 0:
		b.rounds = 5
	}
	b.network = networkHere(ownNamespace())
	fmt.Println(b.network)
	exit(b.run(ctx))
}

// exit ends the program when there is something to complain about.
func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run runs all scenarios and prints what came out.
func (b *bench) run(ctx context.Context) (err error) {
	if b.dir, err = os.MkdirTemp("", "pb-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	for _, folder := range []string{b.out, b.profile} {
		if folder != "" {
			if err := os.MkdirAll(folder, 0o755); err != nil {
				return err
			}
		}
	}
	if b.binary == "" {
		b.binary = filepath.Join(b.dir, "pacsbridge")
		if out, err := exec.CommandContext(ctx, "go", "build", "-o", b.binary, "./cmd/pacsbridge").CombinedOutput(); err != nil {
			return fmt.Errorf("build pacsbridge: %w\n%s", err, out)
		}
	}
	b.digestCost = digestCost()
	for _, s := range b.scenarios() {
		if ctx.Err() != nil {
			break
		}
		if !b.only.MatchString(s.name) {
			continue
		}
		fmt.Printf("\n%s\n", s.name)
		if err := onStage(func(t *stage) error { return s.run(ctx, t) }); err != nil {
			fmt.Printf("  not measured: %v\n", err)
			b.results.fail(s.name, err)
		}
	}
	b.print(os.Stdout)
	if b.out == "" {
		return nil
	}
	return b.write(b.out)
}

// scenario is a set of contenders that run in turn between the same servers.
type scenario struct {
	name string
	run  func(context.Context, *stage) error
}
