package main

import (
	"bytes"
	"fmt"
	"html/template"
	"image/color"
	"maps"
	"slices"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	_ "gonum.org/v1/plot/vg/vgsvg" // the format svg

	"pacsbridge/bridge"
	"pacsbridge/staging"
)

// chart is a stacked bar chart: a bar a label, a layer a series.
type chart struct {
	title  string
	labels []string
	layers []layer
}

type layer struct {
	name   string
	color  color.Color
	values plotter.Values
}

// reportPlots draws the report: studies a day, throughput, states by day and by
// department, errors by class. What there is nothing of is not drawn.
func reportPlots(r bridge.Report) ([]template.HTML, error) {
	var drawn []template.HTML
	for _, c := range []chart{studiesByDay(r), instancesByTime(r), megabytesByTime(r), statesByDay(r), statesByDepartment(r), errorsByClass(r)} {
		if len(c.labels) == 0 {
			continue
		}
		svg, err := c.svg()
		if err != nil {
			return nil, fmt.Errorf("draw %q: %w", c.title, err)
		}
		drawn = append(drawn, svg)
	}
	return drawn, nil
}

// The colours are told apart also by those who see no red or no green.
var (
	blue   = color.RGBA{0x33, 0x66, 0xA8, 0xFF}
	teal   = color.RGBA{0x2A, 0x9D, 0x8F, 0xFF}
	orange = color.RGBA{0xD1, 0x5B, 0x1F, 0xFF}
	grey   = color.RGBA{0x9A, 0xA5, 0xB1, 0xFF}
	yellow = color.RGBA{0xE9, 0xC4, 0x6A, 0xFF}
)

// mostBars is how many days one chart shows; longer ranges are drawn by month, and
// beyond that by year.
const mostBars = 62

// slots names the bar that each day belongs to, and the bars in order.
func slots(r bridge.Report) (of func(day string) string, names []string, unit string) {
	for _, scale := range []struct {
		length int
		unit   string
	}{{10, "day"}, {7, "month"}, {4, "year"}} {
		of = func(day string) string { return orText(day[:min(len(day), scale.length)], "no date") }
		seen := map[string]bool{}
		for _, t := range r.Tallies {
			seen[of(t.Day)] = true
		}
		names, unit = slices.Sorted(maps.Keys(seen)), scale.unit
		if len(names) <= mostBars {
			break
		}
	}
	return of, names, unit
}

func studiesByDay(r bridge.Report) chart {
	of, labels, unit := slots(r)
	return chart{title: "Studies a " + unit, labels: labels, layers: []layer{stack(r, labels, "", blue,
		func(t bridge.Tally) string { return of(t.Day) }, staging.StudyCounts.Found)}}
}

func instancesByTime(r bridge.Report) chart {
	return throughput(r, "Instances migrated", blue, func(p staging.Pace) float64 { return float64(p.Instances) })
}

func megabytesByTime(r bridge.Report) chart {
	return throughput(r, "Megabytes migrated", teal, func(p staging.Pace) float64 { return float64(p.Bytes) / 1e6 })
}

// throughput is a bar for each stretch of time, whatever the days of the studies.
func throughput(r bridge.Report, what string, c color.Color, number func(staging.Pace) float64) chart {
	if r.Throughput == nil {
		return chart{}
	}
	step := time.Duration(r.Throughput.StepSeconds) * time.Second
	layout := "01-02 15:04"
	switch {
	case step < time.Minute:
		layout = time.TimeOnly
	case step >= 24*time.Hour:
		layout = time.DateOnly
	}
	l := layer{color: c}
	bars := chart{title: fmt.Sprintf("%s in %s (UTC)", what, stretch(step))}
	for _, p := range r.Throughput.Paces {
		bars.labels = append(bars.labels, p.From.UTC().Format(layout))
		l.values = append(l.values, number(p))
	}
	bars.layers = []layer{l}
	return bars
}

// stretch names a length of time in its largest whole unit.
func stretch(step time.Duration) string {
	for _, unit := range []struct {
		length time.Duration
		name   string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}, {time.Second, "second"}} {
		if n := int(step / unit.length); n > 0 && step%unit.length == 0 {
			return count(n, unit.name, unit.name+"s")
		}
	}
	return step.String()
}

func statesByDay(r bridge.Report) chart {
	of, labels, unit := slots(r)
	return chart{"States by " + unit, labels, states(r, labels, func(t bridge.Tally) string { return of(t.Day) })}
}

func statesByDepartment(r bridge.Report) chart {
	department := func(t bridge.Tally) string { return orText(t.Department, "none named") }
	seen := map[string]bool{}
	for _, t := range r.Tallies {
		seen[department(t)] = true
	}
	labels := slices.Sorted(maps.Keys(seen))
	return chart{"States by department", labels, states(r, labels, department)}
}

func states(r bridge.Report, labels []string, key func(bridge.Tally) string) []layer {
	return []layer{
		stack(r, labels, "migrated", teal, key, func(n staging.StudyCounts) int { return n.Migrated }),
		stack(r, labels, "failed", orange, key, func(n staging.StudyCounts) int { return n.Failed }),
		stack(r, labels, "skipped", grey, key, func(n staging.StudyCounts) int { return n.Skipped }),
		stack(r, labels, "not at their end", yellow, key, staging.StudyCounts.Open),
	}
}

// stack adds up what number says of the tallies of each label.
func stack(r bridge.Report, labels []string, name string, c color.Color, key func(bridge.Tally) string, number func(staging.StudyCounts) int) layer {
	l := layer{name: name, color: c, values: make(plotter.Values, len(labels))}
	for _, t := range r.Tallies {
		at, _ := slices.BinarySearch(labels, key(t))
		l.values[at] += float64(number(t.Studies))
	}
	return l
}

func errorsByClass(r bridge.Report) chart {
	c := chart{title: "Errors by class", layers: []layer{{name: "studies", color: orange}, {name: "items", color: grey}}}
	for _, e := range r.Errors {
		c.labels = append(c.labels, string(e.Class))
		c.layers[0].values = append(c.layers[0].values, float64(e.Studies))
		c.layers[1].values = append(c.layers[1].values, float64(e.Items))
	}
	return c
}

// Sizes of a chart.
const (
	chartHeight = 9 * vg.Centimeter
	barRoom     = 0.62 * vg.Centimeter
	chartFrame  = 3 * vg.Centimeter
	leastWidth  = 12 * vg.Centimeter
	mostWidth   = 36 * vg.Centimeter
	legendRoom  = 1.4 // above the highest bar, as a part of it
)

// svg draws the chart. Texts are escaped by the library.
func (c chart) svg() (template.HTML, error) {
	p := plot.New()
	p.Title.Text = c.title
	p.Y.Min = 0
	p.Legend.Top = true
	width := min(max(vg.Length(len(c.labels))*barRoom+chartFrame, leastWidth), mostWidth)
	room := (width - chartFrame) / vg.Length(len(c.labels))
	var below *plotter.BarChart
	for _, l := range c.layers {
		bars, err := plotter.NewBarChart(l.values, min(room*0.8, vg.Centimeter))
		if err != nil {
			return "", err
		}
		bars.Color, bars.LineStyle.Width = l.color, 0
		if below != nil {
			bars.StackOn(below)
		}
		below = bars
		p.Add(bars)
		if l.name != "" {
			p.Legend.Add(l.name, bars)
		}
	}
	if len(c.layers) > 1 {
		p.Y.Max *= legendRoom
	}
	p.NominalX(shortened(c.labels)...)
	p.X.Tick.Label.Rotation = 0.9
	p.X.Tick.Label.XAlign, p.X.Tick.Label.YAlign = -1, -0.5
	p.Y.Tick.Marker = wholeNumbers{}
	return drawn(p, width)
}

// drawn is a plot as an element of a page: without the heading of an XML file.
func drawn(p *plot.Plot, width vg.Length) (template.HTML, error) {
	canvas, err := p.WriterTo(width, chartHeight, "svg")
	if err != nil {
		return "", err
	}
	var file bytes.Buffer
	if _, err := canvas.WriteTo(&file); err != nil {
		return "", err
	}
	_, element, found := bytes.Cut(file.Bytes(), []byte("<svg"))
	if !found {
		return "", fmt.Errorf("the drawing is no SVG")
	}
	return template.HTML("<svg" + string(element)), nil
}

// mostLetters is how long a label below a bar may be.
const mostLetters = 18

func shortened(labels []string) []string {
	short := make([]string, len(labels))
	for i, label := range labels {
		letters := []rune(printable(label))
		if len(letters) > mostLetters {
			letters = append(letters[:mostLetters-1], '…')
		}
		short[i] = string(letters)
	}
	return short
}

// wholeNumbers are the usual ticks without those between two numbers: nobody has
// half a study.
type wholeNumbers struct{}

// Ticks implements plot.Ticker.
func (wholeNumbers) Ticks(low, high float64) []plot.Tick {
	return slices.DeleteFunc(plot.DefaultTicks{}.Ticks(low, high), func(t plot.Tick) bool { return t.Value != float64(int64(t.Value)) })
}
