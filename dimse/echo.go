package dimse

import (
	"context"
	"fmt"

	"pacsbridge/dimse/uid"
)

// Echo asks whether the peer is alive (PS3.7 §9.1.5).
func (a *Association) Echo(ctx context.Context) error {
	pc, err := a.firstContext(uid.Verification)
	if err != nil {
		return fmt.Errorf("echo: %w", err)
	}
	inv, err := a.invoke(ctx, pc, &Command{Field: CEchoRQ, AffectedClass: pc.SOPClass}, nil)
	if err != nil {
		return fmt.Errorf("echo: %w", err)
	}
	defer a.finish(inv)
	r, err := a.await(ctx, inv)
	if err != nil {
		a.fail(err)
		return fmt.Errorf("echo: %w", err)
	}
	if r.Status.Class() == Failure {
		return fmt.Errorf("echo: %w", r.failure(ServiceEcho))
	}
	return nil
}

// serveEcho answers a C-ECHO; a server without a handler is alive by itself.
func (a *Association) serveEcho(m *incoming) {
	status := StatusSuccess
	if a.handlers.Echo != nil {
		request := a.request(m)
		status = a.handlers.Echo(a.ctx, &request)
	}
	a.respond(m, &Command{Status: status}, nil)
}
