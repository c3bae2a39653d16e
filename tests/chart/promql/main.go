// Command promql-eval reads rules and expressions as Prometheus does, and tells which alerts fire over given series.
//
// It reads one JSON document from standard input and writes one to standard output. Times are seconds from the epoch.
//
//	{"rules": "groups: …", "expressions": ["sum(up)"], "step": 60, "until": 7200,
//	 "series": [{"labels": {"__name__": "up", "job": "db"}, "values": [1, 1, null, 0]}]}
//	{"firing": [{"alert": "Down", "labels": {"job": "db"}, "since": 300}], "metrics": [["up"]]}
//
// A value stands for one step, and null for a scrape that failed; the last one goes on until the end. `metrics` are the
// names that each of the expressions reads, those of the rules after those that were asked for.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

type input struct {
	Rules       string   `json:"rules"`
	Expressions []string `json:"expressions"`
	Step        int64    `json:"step"`
	Until       int64    `json:"until"`
	Series      []series `json:"series"`
}

type output struct {
	Firing  []firing   `json:"firing"`
	Metrics [][]string `json:"metrics"`
}

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(from io.Reader, to io.Writer) error {
	in := input{Step: 60}
	decoder := json.NewDecoder(from)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&in); err != nil {
		return fmt.Errorf("cannot read what is asked: %w", err)
	}
	if in.Step <= 0 {
		return fmt.Errorf("a step of %d seconds", in.Step)
	}
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	reader := parser.NewParser(parser.Options{})
	groups := &rulefmt.RuleGroups{}
	if in.Rules != "" {
		var errs []error
		groups, errs = rulefmt.Parse([]byte(in.Rules), false, model.UTF8Validation, reader, logger)
		if len(errs) > 0 {
			return fmt.Errorf("rules: %w", errs[0])
		}
	}
	out := output{Firing: []firing{}, Metrics: [][]string{}}
	engine := newEngine(logger, reader)
	for _, group := range groups.Groups {
		for _, rule := range group.Rules {
			in.Expressions = append(in.Expressions, rule.Expr)
			fires, err := alerts(engine, &in, rule)
			if err != nil {
				return fmt.Errorf("alert %q: %w", rule.Alert, err)
			}
			out.Firing = append(out.Firing, fires...)
		}
	}
	for _, expression := range in.Expressions {
		names, err := metrics(reader, expression)
		if err != nil {
			return fmt.Errorf("`%s`: %w", expression, err)
		}
		out.Metrics = append(out.Metrics, names)
	}
	return json.NewEncoder(to).Encode(out)
}

// metrics returns the names of the metrics that an expression reads.
func metrics(reader parser.Parser, expression string) ([]string, error) {
	parsed, err := reader.ParseExpr(expression)
	if err != nil {
		return nil, err
	}
	names := []string{}
	parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
		if selector, ok := node.(*parser.VectorSelector); ok {
			names = append(names, selector.Name)
		}
		return nil
	})
	return names, nil
}
