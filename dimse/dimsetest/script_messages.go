package dimsetest

import (
	"fmt"
	"net"

	"pacsbridge/dimse"
	"pacsbridge/dimse/pdu"
)

// scriptMaxPDU is the P-DATA-TF length that a script allows its peer.
const scriptMaxPDU = 16 << 10

// responseBit makes a response's command field of its request's (PS3.7 §E.1).
const responseBit = 0x8000

// A Message is a command set and the data set behind it, if any.
type Message struct {
	Command *dimse.Command
	Data    []byte
}

// Accept reads an A-ASSOCIATE-RQ and accepts all of its presentation contexts,
// each in the first transfer syntax proposed.
func Accept() Step {
	return func(conn net.Conn, _ []byte) ([]byte, error) {
		request, err := pdu.Read(conn)
		if err != nil {
			return nil, fmt.Errorf("accept: %w", err)
		}
		rq, ok := request.(*pdu.AssociateRQ)
		if !ok {
			return nil, fmt.Errorf("accept: got %T", request)
		}
		length := uint32(scriptMaxPDU)
		ac := &pdu.AssociateAC{
			Version: rq.Version, CalledAE: rq.CalledAE, CallingAE: rq.CallingAE, Reserved: rq.Reserved,
			ApplicationContext: rq.ApplicationContext, User: pdu.UserInformation{MaxLength: &length},
		}
		for _, c := range rq.Contexts {
			if len(c.TransferSyntaxes) == 0 {
				return nil, fmt.Errorf("accept: no transfer syntax proposed for %s", c.AbstractSyntax)
			}
			ac.Contexts = append(ac.Contexts, pdu.AnsweredContext{ID: c.ID, TransferSyntax: c.TransferSyntaxes[0]})
		}
		return nil, sendPDU(conn, ac)
	}
}

// Release answers an A-RELEASE-RQ and ends the conversation.
func Release() Step {
	return func(conn net.Conn, _ []byte) ([]byte, error) {
		if _, err := Expect(byte(pdu.TypeReleaseRQ))(conn, nil); err != nil {
			return nil, err
		}
		if err := sendPDU(conn, &pdu.ReleaseRP{}); err != nil {
			return nil, err
		}
		return nil, errEndOfScript
	}
}

// Respond reads one request, with its data set if it has one, and sends the
// answers on its presentation context. Field, class and message ID of an answer
// are filled in where it leaves them zero.
func Respond(answers func(request *dimse.Command) []Message) Step {
	return func(conn net.Conn, _ []byte) ([]byte, error) {
		context, request, err := readRequest(conn)
		if err != nil {
			return nil, fmt.Errorf("respond: %w", err)
		}
		for _, m := range answers(request) {
			c := *m.Command
			c.Field = or(c.Field, request.Field|responseBit)
			c.RespondedTo = or(c.RespondedTo, request.MessageID)
			c.AffectedClass = or(c.AffectedClass, request.AffectedClass)
			c.HasData = m.Data != nil
			if err := sendMessage(conn, context, Message{&c, m.Data}); err != nil {
				return nil, fmt.Errorf("respond: %w", err)
			}
		}
		return nil, nil
	}
}

// readRequest reads P-DATA-TF PDUs until a message is complete; its data set is
// dropped.
func readRequest(conn net.Conn) (context byte, request *dimse.Command, err error) {
	var command []byte
	for {
		p, err := pdu.Read(conn)
		if err != nil {
			return 0, nil, err
		}
		data, ok := p.(*pdu.Data)
		if !ok {
			return 0, nil, fmt.Errorf("got %T", p)
		}
		for _, v := range data.Values {
			if v.Command {
				context, command = v.ContextID, append(command, v.Fragment...)
			}
			if v.Command && v.Last {
				if request, err = dimse.DecodeCommand(command); err != nil {
					return 0, nil, err
				}
			}
			if v.Last && request != nil && v.Command != request.HasData {
				return context, request, nil
			}
		}
	}
}

// sendMessage writes a message as two P-DATA-TF PDUs.
func sendMessage(conn net.Conn, context byte, m Message) error {
	command, err := m.Command.AppendTo(nil)
	if err != nil {
		return err
	}
	values := []pdu.Value{{ContextID: context, Command: true, Last: true, Fragment: command}}
	if m.Data != nil {
		values = append(values, pdu.Value{ContextID: context, Last: true, Fragment: m.Data})
	}
	for _, v := range values {
		if err := sendPDU(conn, &pdu.Data{Values: []pdu.Value{v}}); err != nil {
			return err
		}
	}
	return nil
}

func sendPDU(conn net.Conn, p pdu.PDU) error {
	b, err := p.AppendTo(nil)
	if err != nil {
		return err
	}
	_, err = conn.Write(b)
	return err
}
