// Package pdu turns the PDUs of PS3.8 into bytes and back.
package pdu

// UserIdentity is the user identity negotiation item.
type UserIdentity struct{ Type byte }
