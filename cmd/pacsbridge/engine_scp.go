package main

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"time"

	"pacsbridge/bridge"
	"pacsbridge/conf"
	"pacsbridge/dimse"
	"pacsbridge/staging"
)

func (e *engine) newInbox() (*bridge.Inbox, error) {
	quarantine := &bridge.Quarantine{Dir: filepath.Join(e.settings.Staging.Spool, "quarantine")}
	var err error
	if e.forwarder, err = e.newForwarder(quarantine); err != nil {
		return nil, withHint(err, "see staging.spool; what is damaged there can be taken out of the folder unsolicited by hand")
	}
	inbox := &bridge.Inbox{
		Spool:      e.spool,
		Quarantine: quarantine,
		Uninvited:  e.settings.Node.Unsolicited == conf.UnsolicitedQuarantine,
		Throttle:   bridge.NewThrottle(int64(e.settings.Old.Rate)),
		Ledger:     e.db.Full,
		Reopen:     e.reopen,
		Logger:     e.log,
	}
	if e.settings.Node.Unsolicited == conf.UnsolicitedForward {
		inbox.Forward = e.forwarder
	}
	return inbox, nil
}

// newForwarder lets instances travel that nobody asked for. What an earlier process took
// in goes on its way whatever the setting is now.
func (e *engine) newForwarder(quarantine *bridge.Quarantine) (*bridge.Forwarder, error) {
	f := &bridge.Forwarder{Dir: filepath.Join(e.settings.Staging.Spool, "unsolicited"),
		Ledger: e.db, Node: e.node, Old: e.settings.Old.AETitle, Quarantine: quarantine, Room: func() error { return cmp.Or(e.spool.Room(), e.db.Full()) },
		Feed: e.feedUnsolicited, Quiet: e.settings.Node.UnsolicitedAfter, Logger: e.log,
	}
	return f, f.Open()
}

// feedUnsolicited queues studies of instances that nobody asked for, in the hours in which
// studies may be opened: no order names them.
func (e *engine) feedUnsolicited(ctx context.Context, studies []string) error {
	if !e.openHours(time.Now()) {
		return nil
	}
	options := e.dispatcher.Options
	options.Scope = staging.Scope{StudyUIDs: studies}
	if _, err := e.db.Feed(ctx, options); err != nil {
		return fmt.Errorf("queue what nobody asked for: %w", err)
	}
	return nil
}

// reopen sets a failed study on its way again: what it lacked has come.
func (e *engine) reopen(ctx context.Context, studyUID string) error {
	_, err := e.db.RetryFailed(ctx, staging.Scope{StudyUIDs: []string{studyUID}}, staging.RetryFilter{})
	return err
}

func (e *engine) newServer(inbox *bridge.Inbox) (*dimse.Server, error) {
	config, err := serverTLS(e.settings.Node.TLS)
	if err != nil {
		return nil, fmt.Errorf("prepare TLS of node.listen: %w", err)
	}
	handlers := dimse.Handlers{Store: inbox,
		Find: bridge.NewAnswers(bridge.Answers{Ledger: e.db, Old: e.settings.Old.AETitle, New: e.settings.New.AETitle, Logger: e.log})}
	if e.committer != nil {
		handlers.Event = e.committer.Results(e.settings.New.AETitle)
	}
	return &dimse.Server{
		AETitle: e.settings.Node.AETitle, TLS: config, Admit: admission(e.settings.Node),
		Handlers:        handlers,
		MaxAssociations: e.settings.Node.MaxAssociations, Logger: e.log,
	}, nil
}

// admission lets in the AE titles of node.admit, from their addresses, that call
// us by our title, with the certificate of node.certificates where it has any. Others
// are rejected with 1/1/3 and 1/1/7 (PS3.8 table 9-21).
func admission(node conf.Node) func(dimse.AssociateRequest) error {
	certificates := certificatesOf(node)
	return func(r dimse.AssociateRequest) error {
		if r.CalledAE != node.AETitle {
			return dimse.RejectCalledAE
		}
		from := address(r.RemoteAddr)
		for _, admit := range node.Admit {
			if !admit.Allows(r.CallingAE, from) {
				continue
			}
			if certificates == nil {
				return nil
			}
			return certificates.Admit(r)
		}
		return dimse.RejectCallingAE
	}
}

func address(a net.Addr) netip.Addr {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr()
	}
	return netip.Addr{}
}
