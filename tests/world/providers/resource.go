package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-go/tfprotov5"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

func (p *provider) resource(kind string) (*resource, error) {
	if found := p.known.resources[kind]; found != nil {
		return found, nil
	}
	return nil, fmt.Errorf("no resource type %s", kind)
}

func (p *provider) ValidateResourceTypeConfig(_ context.Context, request *tfprotov5.ValidateResourceTypeConfigRequest) (*tfprotov5.ValidateResourceTypeConfigResponse, error) {
	kind, err := p.resource(request.TypeName)
	if err != nil {
		return nil, err
	}
	config, err := decode(kind.block, request.Config)
	if err != nil {
		return nil, err
	}
	found := slices.Concat(kind.block.unconfigurable(config, "", tftypes.NewAttributePath()), kind.rules.check(config))
	return &tfprotov5.ValidateResourceTypeConfigResponse{Diagnostics: found}, nil
}

func (p *provider) UpgradeResourceState(_ context.Context, request *tfprotov5.UpgradeResourceStateRequest) (*tfprotov5.UpgradeResourceStateResponse, error) {
	kind, err := p.resource(request.TypeName)
	if err != nil {
		return nil, err
	}
	made, err := kind.block.kind()
	if err != nil {
		return nil, err
	}
	opts := tfprotov5.UnmarshalOpts{ValueFromJSONOpts: tftypes.ValueFromJSONOpts{IgnoreUndefinedAttributes: true}}
	state, err := request.RawState.UnmarshalWithOpts(made, opts)
	if err != nil {
		return nil, err
	}
	upgraded, err := tfprotov5.NewDynamicValue(made, state)
	return &tfprotov5.UpgradeResourceStateResponse{UpgradedState: &upgraded}, err
}

func (p *provider) ReadResource(ctx context.Context, request *tfprotov5.ReadResourceRequest) (*tfprotov5.ReadResourceResponse, error) {
	kind, err := p.resource(request.TypeName)
	if err != nil {
		return nil, err
	}
	state, err := decode(kind.block, request.CurrentState)
	if err != nil || state == nil {
		return &tfprotov5.ReadResourceResponse{NewState: request.CurrentState}, err
	}
	answer := &tfprotov5.ReadResourceResponse{NewState: request.CurrentState, Private: request.Private}
	answer.Diagnostics, err = p.call(ctx, "read", kind, nameOf(state), func() ([]*tfprotov5.Diagnostic, error) {
		found, err := p.cloud.get(kind.name, nameOf(state))
		if err != nil {
			return nil, err
		}
		answer.NewState, err = encode(kind.block, seen(kind, state, found))
		return nil, err
	})
	return answer, err
}

// seen is what exists, as a provider reports it: what it never reads back stays as it was.
func seen(kind *resource, state, found map[string]any) map[string]any {
	if found == nil {
		return nil
	}
	now := object(copied(found))
	if kept, has := state["timeouts"]; has {
		now["timeouts"] = kept
	}
	return now
}

func (p *provider) PlanResourceChange(_ context.Context, request *tfprotov5.PlanResourceChangeRequest) (*tfprotov5.PlanResourceChangeResponse, error) {
	kind, err := p.resource(request.TypeName)
	if err != nil {
		return nil, err
	}
	prior, err := decode(kind.block, request.PriorState)
	if err != nil {
		return nil, err
	}
	proposed, err := decode(kind.block, request.ProposedNewState)
	if err != nil {
		return nil, err
	}
	answer := &tfprotov5.PlanResourceChangeResponse{
		PlannedState: request.ProposedNewState, PlannedPrivate: request.PriorPrivate, UnsafeToUseLegacyTypeSystem: true,
	}
	if proposed == nil {
		return answer, nil
	}
	planned := kind.plan(prior, proposed)
	if prior != nil {
		for _, path := range kind.replacements(prior, planned) {
			head, _, _ := strings.Cut(path, ".")
			answer.RequiresReplace = append(answer.RequiresReplace, tftypes.NewAttributePath().WithAttributeName(head))
		}
	}
	answer.PlannedState, err = encode(kind.block, planned)
	return answer, err
}

func (p *provider) ApplyResourceChange(ctx context.Context, request *tfprotov5.ApplyResourceChangeRequest) (*tfprotov5.ApplyResourceChangeResponse, error) {
	kind, err := p.resource(request.TypeName)
	if err != nil {
		return nil, err
	}
	prior, err := decode(kind.block, request.PriorState)
	if err != nil {
		return nil, err
	}
	planned, err := decode(kind.block, request.PlannedState)
	if err != nil {
		return nil, err
	}
	// Whatever fails leaves the resource as it was.
	change := &change{kind: kind, prior: prior, planned: planned, state: prior}
	answer := &tfprotov5.ApplyResourceChangeResponse{UnsafeToUseLegacyTypeSystem: true}
	answer.Diagnostics, err = p.apply(ctx, change)
	if errors.Is(err, errLost) {
		change.state, err = prior, nil
	}
	if err != nil {
		return nil, err
	}
	answer.NewState, err = encode(kind.block, change.state)
	return answer, err
}

// A change of one resource and the state that it leaves.
type change struct {
	kind                  *resource
	prior, planned, state map[string]any
}

func (p *provider) apply(ctx context.Context, change *change) ([]*tfprotov5.Diagnostic, error) {
	switch {
	case change.prior == nil:
		return p.call(ctx, "create", change.kind, nameOf(change.planned), func() ([]*tfprotov5.Diagnostic, error) {
			return p.create(change)
		})
	case change.planned == nil:
		return p.call(ctx, "delete", change.kind, nameOf(change.prior), func() ([]*tfprotov5.Diagnostic, error) {
			return p.delete(change)
		})
	default:
		return p.call(ctx, "update", change.kind, nameOf(change.prior), func() ([]*tfprotov5.Diagnostic, error) {
			return p.update(change)
		})
	}
}

func (p *provider) made(change *change) (map[string]any, error) {
	told, err := p.cloud.control()
	if err != nil {
		return nil, err
	}
	kind := change.kind
	maker := &maker{provider: p.config, cloud: p.cloud, resource: kind, forced: told.Values[kind.name]}
	made, err := maker.fill(change.planned)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", kind.name, err)
	}
	return made, nil
}

func (p *provider) create(change *change) ([]*tfprotov5.Diagnostic, error) {
	made, err := p.made(change)
	if err != nil {
		return nil, err
	}
	id := nameOf(made)
	if id == "" {
		return nil, fmt.Errorf("the overlay gives %s no id", change.kind.name)
	}
	existing, err := p.cloud.get(change.kind.name, id)
	if err != nil {
		return nil, err
	}
	if existing != nil && !change.kind.rules.Adopts {
		words := strings.NewReplacer("ID", id, "TYPE", change.kind.name).Replace(p.known.overlay.Exists)
		return failure(words, ""), nil
	}
	change.state = made
	return nil, p.cloud.put(change.kind.name, id, made)
}

func (p *provider) update(change *change) ([]*tfprotov5.Diagnostic, error) {
	made, err := p.made(change)
	if err != nil {
		return nil, err
	}
	existing, err := p.cloud.get(change.kind.name, nameOf(made))
	if err != nil {
		return nil, err
	}
	if existing == nil {
		return failure(fmt.Sprintf("Error updating %s: %s was not found", change.kind.name, nameOf(made)), ""), nil
	}
	change.state = made
	return nil, p.cloud.put(change.kind.name, nameOf(made), made)
}

func (p *provider) delete(change *change) ([]*tfprotov5.Diagnostic, error) {
	protected := change.kind.rules.Protected
	if protected != nil && change.prior[protected.Attribute] == true {
		return failure(protected.Summary, ""), nil
	}
	if change.kind.rules.Survives {
		change.state = nil
		return nil, nil
	}
	follows := func(kind string) bool { return p.known.overlay.Types[kind].Follows }
	if user := p.cloud.user(change.kind.name, change.prior, follows); user != "" && !change.kind.rules.Follows {
		return failure(fmt.Sprintf("Error deleting %s: %s is in use by %s", change.kind.name, nameOf(change.prior), user), ""), nil
	}
	change.state = nil
	return nil, p.cloud.remove(change.kind.name, nameOf(change.prior))
}

// errLost says that the work was done and that nobody will hear of it.
var errLost = errors.New("the cloud's answer is lost")

// call meets the faults, does a piece of work and leaves a line in the record, all under one lock: of two calls at once the
// second finds what the first has made. Only a fault that takes its time lets others in between.
func (p *provider) call(
	ctx context.Context, operation string, kind *resource, id string, work func() ([]*tfprotov5.Diagnostic, error),
) ([]*tfprotov5.Diagnostic, error) {
	var met *fault
	var found []*tfprotov5.Diagnostic
	finish := func() error {
		var err error
		fails := met != nil && (met.Crash || met.Summary != "")
		if !fails || met.Done != "" {
			if found, err = p.admitted(work); err != nil {
				return err
			}
		}
		outcome := "done"
		if fails || len(found) > 0 {
			outcome = "failed"
		}
		if err := p.cloud.record(call{operation, kind.name, id, outcome}); err != nil {
			return err
		}
		found = slices.Concat(found, met.end())
		if fails && met.Done == "forgotten" {
			return errLost
		}
		return nil
	}
	isSlow := false
	err := p.cloud.locked(func() (err error) {
		if met, err = p.cloud.meet(operation, kind.name, id); err != nil {
			return err
		}
		if isSlow = met != nil && met.DelayMs > 0; isSlow {
			return nil
		}
		return finish()
	})
	if err != nil || !isSlow {
		return found, err
	}
	if err := met.wait(ctx, p.stopped); err != nil {
		return failure(err.Error(), ""), nil
	}
	err = p.cloud.locked(finish)
	return found, err
}

// admitted does a piece of work if the cloud takes the token that is shown with it.
func (p *provider) admitted(work func() ([]*tfprotov5.Diagnostic, error)) ([]*tfprotov5.Diagnostic, error) {
	told, err := p.cloud.control()
	if err != nil {
		return nil, err
	}
	if refused, err := p.admit(told); err != nil || refused != nil {
		return refused, err
	}
	return work()
}

func (p *provider) ImportResourceState(_ context.Context, request *tfprotov5.ImportResourceStateRequest) (*tfprotov5.ImportResourceStateResponse, error) {
	kind, err := p.resource(request.TypeName)
	if err != nil {
		return nil, err
	}
	answer := &tfprotov5.ImportResourceStateResponse{}
	err = p.cloud.locked(func() error {
		found, err := p.cloud.get(kind.name, request.ID)
		if err != nil {
			return err
		}
		if found == nil {
			answer.Diagnostics = failure("Cannot import non-existent remote object", request.ID+" was not found")
			return nil
		}
		state, err := encode(kind.block, found)
		answer.ImportedResources = []*tfprotov5.ImportedResource{{TypeName: kind.name, State: state}}
		return err
	})
	return answer, err
}
