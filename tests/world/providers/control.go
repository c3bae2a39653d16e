package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tfprotov5"
)

// What a test tells the cloud, in `control.json`.
type control struct {
	Faults []*fault `json:"faults"`
	// Values that the cloud chooses for every resource of a type, by root attribute.
	Values map[string]map[string]any `json:"values"`
	// The first three numbers of the networks that addresses come from; those of RFC 5737 if empty.
	Networks []string `json:"networks"`
	// Tokens that are accepted; empty accepts any.
	Tokens []string `json:"tokens"`
	// Where each call shows its token, which is let pass if that answers 200; empty asks nobody.
	Issuer string `json:"issuer"`
}

// A fault of the cloud. It meets the calls that all of its conditions name.
type fault struct {
	// create, read, update, delete or configure.
	Operation string `json:"operation"`
	// Type of the resource; empty means any.
	Type string `json:"type"`
	// A regular expression over the id, or over the name of one that has no id yet.
	ID string `json:"id"`
	// Only the n-th such call, from 1; 0 means each.
	Nth int `json:"nth"`
	// Only while at least so many of the type exist, as with a quota.
	Above int `json:"above"`

	// Before anything else.
	DelayMs int `json:"delay_ms"`
	// The call fails with these words. If empty, it does not fail.
	Summary string `json:"summary"`
	Detail  string `json:"detail"`
	// The work is done all the same: it answers (`tainted`), or it is lost (`forgotten`).
	Done string `json:"done"`
	// The provider's process dies instead of answering.
	Crash bool `json:"crash"`
}

func (s *store) control() (*control, error) {
	found := &control{}
	return found, s.read(filepath.Join(s.folder, "control.json"), found)
}

// meet finds the fault of a call and counts the call against all that it could have met.
func (s *store) meet(operation, kind, id string) (*fault, error) {
	told, err := s.control()
	if err != nil {
		return nil, err
	}
	var met *fault
	for index, found := range told.Faults {
		if found.Operation != operation || found.Type != "" && found.Type != kind {
			continue
		}
		if found.ID != "" {
			pattern, err := regexp.Compile(found.ID)
			if err != nil {
				return nil, err
			}
			if !pattern.MatchString(id) {
				continue
			}
		}
		if found.Above > 0 && s.count(kind) < found.Above {
			continue
		}
		number, err := s.next(fmt.Sprintf("fault-%d", index))
		if err != nil {
			return nil, err
		}
		if found.Nth == 0 || found.Nth == number+1 {
			met = found
			break
		}
	}
	return met, nil
}

// wait ends early if terraform gives up.
func (f *fault) wait(ctx context.Context, stopped <-chan struct{}) error {
	select {
	case <-time.After(time.Duration(f.DelayMs) * time.Millisecond):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-stopped:
		return fmt.Errorf("stopped while waiting for the cloud")
	}
}

// after the work was done or left undone.
func (f *fault) end() []*tfprotov5.Diagnostic {
	if f == nil {
		return nil
	}
	if f.Crash {
		os.Exit(1)
	}
	if f.Summary == "" {
		return nil
	}
	return failure(f.Summary, f.Detail)
}

func failure(summary, detail string) []*tfprotov5.Diagnostic {
	return []*tfprotov5.Diagnostic{{
		Severity: tfprotov5.DiagnosticSeverityError, Summary: summary, Detail: detail,
	}}
}
