package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
)

// firing is one alert and the first time, in seconds, at which it fires.
type firing struct {
	Alert  string            `json:"alert"`
	Labels map[string]string `json:"labels"`
	Since  int64             `json:"since"`
}

func newEngine(logger *slog.Logger, reader parser.Parser) *promql.Engine {
	return promql.NewEngine(promql.EngineOpts{
		Logger:        logger,
		Parser:        reader,
		MaxSamples:    1_000_000,
		Timeout:       time.Minute,
		LookbackDelta: 5 * time.Minute, // That of a Prometheus that nobody told otherwise.
	})
}

// alerts evaluates a rule at every step, as a Prometheus does, and says which alerts of it fire, each at most once.
func alerts(engine *promql.Engine, in *input, rule rulefmt.Rule) ([]firing, error) {
	ctx, step := context.Background(), time.Duration(in.Step)*time.Second
	query, err := engine.NewRangeQuery(ctx, store(in), nil, rule.Expr, time.Unix(0, 0), time.Unix(in.Until, 0), step)
	if err != nil {
		return nil, err
	}
	defer query.Close()
	matrix, err := query.Exec(ctx).Matrix()
	if err != nil {
		return nil, err
	}
	var fires []firing
	for _, one := range matrix {
		since, ok := lasting(one.Floats, step, time.Duration(rule.For))
		if !ok || rule.Alert == "" {
			continue
		}
		named := one.Metric.Map()
		delete(named, labels.MetricName)
		for name, text := range rule.Labels {
			named[name] = text
		}
		fires = append(fires, firing{Alert: rule.Alert, Labels: named, Since: since})
	}
	return fires, nil
}

// lasting finds the first time, in seconds, at which points a step apart have held for a duration.
func lasting(points []promql.FPoint, step, held time.Duration) (int64, bool) {
	var since int64
	for i, point := range points {
		if i == 0 || point.T-points[i-1].T > step.Milliseconds() {
			since = point.T
		}
		if point.T-since >= held.Milliseconds() {
			return point.T / 1000, true
		}
	}
	return 0, false
}
