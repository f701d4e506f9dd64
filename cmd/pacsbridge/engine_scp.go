package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"

	"pacsbridge/bridge"
	"pacsbridge/conf"
	"pacsbridge/dimse"
	"pacsbridge/staging"
)

func (e *engine) newInbox() *bridge.Inbox {
	return &bridge.Inbox{
		Spool:      e.spool,
		Quarantine: &bridge.Quarantine{Dir: filepath.Join(e.settings.Staging.Spool, "quarantine")},
		Uninvited:  e.settings.Node.Unsolicited == conf.UnsolicitedQuarantine,
		Throttle:   bridge.NewThrottle(int64(e.settings.Old.Rate)),
		Reopen:     e.reopen,
		Logger:     e.log,
	}
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
// us by our title. Others are rejected with 1/1/3 and 1/1/7 (PS3.8 table 9-21).
func admission(node conf.Node) func(dimse.AssociateRequest) error {
	return func(r dimse.AssociateRequest) error {
		if r.CalledAE != node.AETitle {
			return dimse.RejectCalledAE
		}
		from := address(r.RemoteAddr)
		for _, admit := range node.Admit {
			if admit.Allows(r.CallingAE, from) {
				return nil
			}
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
