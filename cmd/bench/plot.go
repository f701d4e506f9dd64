package main

import (
	"encoding/json"
	"errors"
	"image/color"
	"os"
	"path/filepath"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	_ "gonum.org/v1/plot/vg/vgsvg" // the format svg
)

// contenders in the order of the plot, and their colours, which are told apart
// also by those who see no red or no green.
var drawn = []struct {
	name  string
	color color.RGBA
}{
	{"script ×1", color.RGBA{0xD5, 0xDB, 0xE0, 0xFF}},
	{"script ×4", color.RGBA{0x9A, 0xA5, 0xB1, 0xFF}},
	{"direct ×4", color.RGBA{0x33, 0x66, 0xA8, 0xFF}},
	{"http ×4", color.RGBA{0xE9, 0xC4, 0x6A, 0xFF}},
	{bare, color.RGBA{0xF2, 0xB8, 0x9A, 0xFF}},
	{ours, color.RGBA{0xD1, 0x5B, 0x1F, 0xFF}},
}

var plotted = []struct{ scenario, label string }{
	{dcmqrscpCT, "dcmqrscp ct"}, {orthancCT, "Orthanc ct"}, {orthancCR, "cr"}, {orthancUS, "us"},
	{orthancTiny, "small"}, {shippedCT, "as shipped ct"}, {distantCT, "20 ms away ct"},
}

// write writes the plot and the raw figures.
func (b *bench) write(dir string) error {
	return errors.Join(b.plot(filepath.Join(dir, "bench.svg")), b.raw(filepath.Join(dir, "bench.json")))
}

// plot draws the rate of each contender, as a multiple of the direct push's.
func (b *bench) plot(file string) error {
	p := plot.New()
	p.Title.Text = "Speed of migration; direct ×4 is 1"
	p.Y.Min = 0
	p.Legend.Top = true
	const width = 0.45 * vg.Centimeter
	var labels []string
	values := make([]plotter.Values, len(drawn))
	for _, r := range plotted {
		base := b.results.of(r.scenario, "direct ×4").counted()
		if len(base) == 0 {
			continue
		}
		labels = append(labels, r.label)
		for i, c := range drawn {
			times, _, _, _ := ratio(b.results.of(r.scenario, c.name), base)
			values[i] = append(values[i], times)
		}
	}
	if len(labels) == 0 {
		return nil
	}
	for i, c := range drawn {
		bars, err := plotter.NewBarChart(values[i], width)
		if err != nil {
			return err
		}
		bars.Color, bars.LineStyle.Width = c.color, 0
		bars.Offset = width * vg.Length(i-len(drawn)/2)
		p.Add(bars)
		p.Legend.Add(c.name, bars)
	}
	p.NominalX(labels...)
	p.Y.Max *= 1.2
	return p.Save(26*vg.Centimeter, 11*vg.Centimeter, file)
}

// raw writes all laps, for whoever wants to reckon otherwise.
func (b *bench) raw(file string) error {
	type row struct {
		Scenario, Contender    string
		Seconds, MoverCPU, P99 float64
		Bytes, Peak            int64
		Instances, Studies     int
		OldCPU, NewCPU         float64
		Fault                  string `json:",omitempty"`
	}
	var rows []row
	for key, laps := range b.results {
		for _, l := range laps {
			r := row{Scenario: key[0], Contender: key[1], Seconds: l.wall.Seconds(), MoverCPU: l.mover.cpu.Seconds(), P99: l.p99.Seconds(),
				Bytes: l.bytes, Peak: l.mover.peak, Instances: l.instances, Studies: l.studies,
				OldCPU: l.old.cpu.Seconds(), NewCPU: l.new.cpu.Seconds()}
			if l.err != nil {
				r.Fault = l.err.Error()
			}
			rows = append(rows, r)
		}
	}
	slices.SortStableFunc(rows, func(x, y row) int {
		return slices.Compare([]string{x.Scenario, x.Contender}, []string{y.Scenario, y.Contender})
	})
	text, err := json.MarshalIndent(rows, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}
