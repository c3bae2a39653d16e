package main

import (
	"math"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"
)

type series struct {
	Labels map[string]string `json:"labels"`
	Values []*float64        `json:"values"`
}

// store answers the engine with the series that it asks for.
func store(in *input) storage.Queryable {
	all := make([]storage.Series, 0, len(in.Series))
	for _, one := range in.Series {
		all = append(all, storage.NewListSeries(labels.FromMap(one.Labels), one.samples(in.Step, in.Until)))
	}
	choose := func(_ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
		chosen := &set{at: -1}
		for _, one := range all {
			if matches(one.Labels(), matchers) {
				chosen.series = append(chosen.series, one)
			}
		}
		return chosen
	}
	return &storage.MockQueryable{MockQuerier: &storage.MockQuerier{SelectMockFunction: choose}}
}

func (s *series) samples(step, until int64) []chunks.Sample {
	var samples []chunks.Sample
	for at := int64(0); at*step <= until && len(s.Values) > 0; at++ {
		given := s.Values[min(int(at), len(s.Values)-1)]
		number := math.Float64frombits(value.StaleNaN)
		if given != nil {
			number = *given
		}
		samples = append(samples, sample{at: at * step * 1000, value: number})
	}
	return samples
}

func matches(named labels.Labels, matchers []*labels.Matcher) bool {
	for _, matcher := range matchers {
		if !matcher.Matches(named.Get(matcher.Name)) {
			return false
		}
	}
	return true
}

// set is a storage.SeriesSet of what is in memory.
type set struct {
	series []storage.Series
	at     int
}

func (s *set) Next() bool                        { s.at++; return s.at < len(s.series) }
func (s *set) At() storage.Series                { return s.series[s.at] }
func (s *set) Err() error                        { return nil }
func (s *set) Warnings() annotations.Annotations { return nil }

// sample is a chunks.Sample of a number.
type sample struct {
	at    int64
	value float64
}

func (s sample) T() int64                      { return s.at }
func (s sample) ST() int64                     { return 0 }
func (s sample) F() float64                    { return s.value }
func (s sample) H() *histogram.Histogram       { return nil }
func (s sample) FH() *histogram.FloatHistogram { return nil }
func (s sample) Type() chunkenc.ValueType      { return chunkenc.ValFloat }
func (s sample) Copy() chunks.Sample           { return s }
