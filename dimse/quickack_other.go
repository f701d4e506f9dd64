//go:build !linux

package dimse

import "net"

// quickAck has no counterpart outside Linux.
func quickAck(conn net.Conn) net.Conn { return conn }
