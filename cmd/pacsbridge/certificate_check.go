package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"pacsbridge/bridge"
	"pacsbridge/staging"
)

// chainCheck is the outcome of certificate --check.
type chainCheck struct {
	Certificates int      `json:"certificates"`
	Ledger       bool     `json:"compared_with_ledger"`
	Faults       []string `json:"faults"`
}

// checkCertificates checks files among themselves and, where there is a file of
// settings, against the ledger; without files it checks the ledger's own chain.
func (p *program) checkCertificates(ctx context.Context, files []string, asJSON bool) error {
	result := chainCheck{Faults: []string{}}
	links, err := result.read(files)
	if err != nil {
		return err
	}
	result.tell(bridge.CheckChain(links)...)
	_, err = os.Stat(p.configPath)
	if result.Ledger = err == nil || len(files) == 0; result.Ledger {
		err := p.withLedger(ctx, func(db *staging.DB) error {
			if len(files) == 0 {
				return result.chain(ctx, db)
			}
			return result.compare(ctx, db, links)
		})
		if err != nil {
			return err
		}
	}
	if err := result.print(p.stdout, asJSON); err != nil {
		return err
	}
	if n := len(result.Faults); n > 0 {
		return incompletef("the chain does not hold: %s", count(n, "fault", "faults"))
	}
	return nil
}

func (c *chainCheck) tell(faults ...error) {
	for _, fault := range faults {
		c.Faults = append(c.Faults, fault.Error())
	}
}

// read reads the files; one that is no certificate is a fault.
func (c *chainCheck) read(files []string) ([]bridge.Link, error) {
	var links []bridge.Link
	for _, file := range files {
		document, err := os.ReadFile(file)
		if err != nil {
			return nil, usagef("read certificate: %w", err)
		}
		link, err := bridge.ReadLink(file, document)
		if err != nil {
			c.tell(fmt.Errorf("%s: %w", file, err))
			continue
		}
		c.Certificates++
		links = append(links, link)
	}
	return links, nil
}

// compare tells which links are not those of the ledger.
func (c *chainCheck) compare(ctx context.Context, db *staging.DB, links []bridge.Link) error {
	issued := map[int]string{}
	for certificate, err := range db.Certificates(ctx) {
		if err != nil {
			return err
		}
		issued[certificate.Number] = certificate.SHA256
	}
	for _, link := range links {
		switch digest := issued[link.Number]; digest {
		case link.SHA256:
		case "":
			c.tell(fmt.Errorf("%s: the ledger holds no certificate %d", link.Name, link.Number))
		default:
			c.tell(fmt.Errorf("%s: certificate %d of the ledger has SHA-256 %s, and this one %s", link.Name, link.Number, digest, link.SHA256))
		}
	}
	return nil
}

// chain checks the ledger's own chain, link by link and from its documents.
func (c *chainCheck) chain(ctx context.Context, db *staging.DB) error {
	var last bridge.Link
	for certificate, err := range db.Certificates(ctx) {
		if err != nil {
			return err
		}
		c.Certificates++
		name := fmt.Sprintf("certificate %d of the ledger", certificate.Number)
		link, err := bridge.ReadLink(name, certificate.Document)
		switch {
		case err != nil:
			c.tell(fmt.Errorf("%s: %w", name, err))
			link = bridge.Link{Name: name, Number: certificate.Number, Previous: certificate.Previous, SHA256: certificate.SHA256}
		case link.Number != certificate.Number || link.SHA256 != certificate.SHA256:
			c.tell(errors.New(name + ": its document is another than was issued"))
		}
		if last.Number > 0 {
			c.tell(bridge.CheckChain([]bridge.Link{last, link})...)
		} else if link.Number != 1 {
			c.tell(fmt.Errorf("the ledger's chain begins with certificate %d", link.Number))
		}
		last = link
	}
	return nil
}

func (c *chainCheck) print(w io.Writer, asJSON bool) error {
	if asJSON {
		return printJSON(w, c)
	}
	for _, fault := range c.Faults {
		fmt.Fprintln(w, printable(fault))
	}
	with := "compared among themselves only: there is no file of settings here"
	if c.Ledger {
		with = "compared with the ledger"
	}
	_, err := fmt.Fprintf(w, "%s, %s, %s\n", count(c.Certificates, "certificate", "certificates"), with, count(len(c.Faults), "fault", "faults"))
	return err
}
