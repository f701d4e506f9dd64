package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// node is a build of pacsbridge among the contenders.
type node struct {
	*race
	program string
	dir     string // of the lap
}

// contender is the node by that name.
func (r *race) contender(name, program string) contender {
	n := &node{race: r, program: program}
	return contender{name: name, ready: n.ready, carry: n.migrate}
}

// ready makes an empty ledger, by another command, as somebody does who has looked at
// the settings first. The archives have made their databases by then too.
func (n *node) ready(ctx context.Context) error {
	dir, err := os.MkdirTemp(n.bench.dir, "node-")
	if err != nil {
		return err
	}
	n.dir = dir
	if err := os.WriteFile(n.config(), []byte(n.settings.text(n.race, dir)), 0o600); err != nil {
		return err
	}
	_, err = (&tools{}).run(ctx, n.program, "status", "--config", n.config())
	return err
}

func (n *node) config() string { return filepath.Join(n.dir, "pacsbridge.yaml") }

// text is the file of settings of a node that keeps its things in dir.
func (s nodeSettings) text(r *race, dir string) string {
	return fmt.Sprintf(`node: {ae_title: %s, listen: %q}
old: {ae_title: %s, address: %q, associations: %d}
new: {ae_title: %s, address: %q, associations: %d}
staging: {url: "sqlite:%s/staging.db", spool: "%s/spool", memory: %dMB}
migration.workers: %d
%s
`, r.own.AE, r.own.Address, r.old.AE, r.old.Address, s.oldAssociations, r.new.AE, r.new.Address, s.newAssociations,
		dir, dir, s.memory, s.workers, s.more)
}

// migrate carries the load from start to end of the program.
func (n *node) migrate(ctx context.Context, load *corpus) (used usage, err error) {
	defer func() { err = errors.Join(err, os.RemoveAll(n.dir)) }()
	args := append([]string{"migrate", "--config", n.config()}, n.order(load)...)
	if n.profile != "" {
		base := filepath.Join(n.profile, fmt.Sprintf("%s-%d", n.fileName(), time.Now().UnixMilli()))
		args = append(args, "--cpuprofile", base+".cpu", "--memprofile", base+".mem")
	}
	t := &tools{nagle: true}
	_, err = t.run(ctx, n.program, args...)
	return t.used, err
}

// order are the flags for what the load holds.
func (n *node) order(load *corpus) []string {
	if len(load.studies) == len(n.corpus.studies) {
		return []string{"--from", "2026-01-01", "--to", "2026-01-31"}
	}
	var flags []string
	for _, s := range load.studies {
		flags = append(flags, "--study", s.uid)
	}
	return flags
}
