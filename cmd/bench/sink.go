package main

import (
	"context"
	"hash/crc32"
	"io"
	"iter"
	"net"
	"sync"
	"time"

	"pacsbridge/dimse"
	"pacsbridge/dimse/dataset"
	"pacsbridge/dimse/dimsetest"
)

// digest is what two data sets have in common that are the same.
type digest struct {
	size int64
	crc  uint32
}

// sink is a new PACS that keeps nothing but a digest of what it is given, so that
// it is no limit. It answers queries about that. It lives in this process.
type sink struct {
	peer  dimsetest.Peer   // with the address to dial, at whatever distance
	known map[string]place // where each instance of the corpora belongs

	mu  sync.Mutex
	got map[string]digest
}

type place struct {
	study string
	item  item
}

var (
	_ dimse.StoreHandler = (*sink)(nil)
	_ dimse.FindHandler  = (*sink)(nil)
)

// startSink starts a sink that is so far away.
func startSink(t *stage, ae string, distance time.Duration, corpora ...*corpus) *sink {
	var listener net.Listener
	var address string
	if distance > 0 {
		listener, address = startDistance(t, distance)
	} else {
		listener = listenHere(t)
		address = listener.Addr().String()
	}
	s := &sink{peer: dimsetest.Peer{AE: ae, Address: address}, known: map[string]place{}, got: map[string]digest{}}
	for _, c := range corpora {
		for _, study := range c.studies {
			for _, i := range study.items {
				s.known[i.uid] = place{study.uid, i}
			}
		}
	}
	ctx, stop := context.WithCancel(context.Background())
	server := &dimse.Server{Handlers: dimse.Handlers{Store: s, Find: s}}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		server.Serve(ctx, listener)
	}()
	t.Cleanup(func() {
		stop()
		<-ended
	})
	return s
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var sinkBuffers = sync.Pool{New: func() any { b := make([]byte, 128<<10); return &b }}

// Store digests an instance.
func (s *sink) Store(_ context.Context, in *dimse.Instance) error {
	buffer := sinkBuffers.Get().(*[]byte)
	defer sinkBuffers.Put(buffer)
	d, err := digestOf(in.Data, *buffer)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got[in.SOPInstance] = d
	return nil
}

func digestOf(r io.Reader, buffer []byte) (digest, error) {
	var d digest
	for {
		n, err := r.Read(buffer)
		d.crc = crc32.Update(d.crc, castagnoli, buffer[:n])
		d.size += int64(n)
		switch err {
		case nil:
		case io.EOF:
			return d, nil
		default:
			return d, err
		}
	}
}

// Find lists what has come in at SERIES and IMAGE level.
func (s *sink) Find(_ context.Context, q dimse.FindQuery) iter.Seq2[*dataset.Dataset, error] {
	level := q.Identifier.String(dataset.QueryRetrieveLevel)
	study, series := q.Identifier.String(dataset.StudyInstanceUID), q.Identifier.String(dataset.SeriesInstanceUID)
	var rows []*dataset.Dataset
	seen := map[string]bool{}
	s.mu.Lock()
	for uid := range s.got {
		at := s.known[uid]
		if at.study != study || series != "" && at.item.series != series || level == "SERIES" && seen[at.item.series] {
			continue
		}
		seen[at.item.series] = true
		row := dataset.New().SetString(dataset.QueryRetrieveLevel, level).
			SetString(dataset.StudyInstanceUID, study).SetString(dataset.SeriesInstanceUID, at.item.series)
		if level == "IMAGE" {
			row.SetString(dataset.SOPInstanceUID, uid).SetString(dataset.SOPClassUID, at.item.sopClass)
		}
		rows = append(rows, row)
	}
	s.mu.Unlock()
	return func(yield func(*dataset.Dataset, error) bool) {
		for _, row := range rows {
			if !yield(row, nil) {
				return
			}
		}
	}
}

// holdings implements target.
func (s *sink) holdings(context.Context) (map[string]digest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got, nil
}

// clear implements target.
func (s *sink) clear(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = map[string]digest{}
	return nil
}

// usage implements target.
func (s *sink) usage() usage { return ownUsage() }
