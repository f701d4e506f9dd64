package conf

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// ByteSize is a number of bytes, written as "256MB" (decimal) or "1GiB"
// (binary); a bare number is bytes.
type ByteSize int64

// UnmarshalText reads "256MB", "1.5 GiB" or "4096".
func (b *ByteSize) UnmarshalText(text []byte) error {
	n, err := parseAmount(string(text), byteUnits)
	if err != nil {
		return fmt.Errorf("%q is not a size, such as 256MB or 1GiB", text)
	}
	*b = ByteSize(n)
	return nil
}

// String is the shortest way of writing the size that loses nothing.
func (b ByteSize) String() string { return formatAmount(int64(b), byteUnits) }

// Rate is a number of bytes a second, written as "200MB/s" or "800Mbit/s";
// zero is no limit.
type Rate int64

// UnmarshalText reads "200MB/s" or "1Gbit/s"; nothing at all is no limit.
func (r *Rate) UnmarshalText(text []byte) error {
	s := strings.TrimSpace(string(text))
	if s == "" {
		*r = 0
		return nil
	}
	amount, perSecond := strings.CutSuffix(s, "/s")
	n, err := parseAmount(amount, rateUnits)
	if err != nil || !perSecond || n == 0 {
		return fmt.Errorf("%q is not a rate, such as 200MB/s or 800Mbit/s", text)
	}
	*r = Rate(n)
	return nil
}

// String is the rate as it may be written in the settings.
func (r Rate) String() string {
	if r == 0 {
		return ""
	}
	return formatAmount(int64(r), byteUnits) + "/s"
}

type unit struct {
	name  string
	bytes float64
}

// Large units stand before the small ones that end in the same letters.
var byteUnits = []unit{
	{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10},
	{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"KB", 1e3}, {"B", 1},
}

var rateUnits = append([]unit{
	{"Gbit", 1e9 / 8}, {"Mbit", 1e6 / 8}, {"kbit", 1e3 / 8},
}, byteUnits...)

func parseAmount(s string, units []unit) (int64, error) {
	s = strings.TrimSpace(s)
	factor := 1.0
	for _, u := range units {
		if number, found := strings.CutSuffix(s, u.name); found {
			s, factor = strings.TrimSpace(number), u.bytes
			break
		}
	}
	n, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return 0, err
	}
	n *= factor
	if math.IsNaN(n) || n < 0 || n >= math.MaxInt64 {
		return 0, strconv.ErrRange
	}
	return int64(n), nil
}

// formatAmount picks the shortest way of writing n that loses nothing.
func formatAmount(n int64, units []unit) string {
	best := strconv.FormatInt(n, 10) + "B"
	for _, u := range units {
		step := int64(u.bytes)
		if n < step || n%step != 0 {
			continue
		}
		if text := strconv.FormatInt(n/step, 10) + u.name; len(text) < len(best) {
			best = text
		}
	}
	return best
}
