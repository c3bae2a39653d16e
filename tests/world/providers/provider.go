package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/hashicorp/terraform-plugin-go/tfprotov5"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// One run of a provider. What it does not have (functions, actions and so on) terraform never asks for.
type provider struct {
	tfprotov5.ProviderServer

	known *knowledge
	cloud *store

	once    sync.Once
	stopped chan struct{}

	config   map[string]any
	identity *identity
}

func newProvider(known *knowledge, cloud *store) *provider {
	return &provider{known: known, cloud: cloud, stopped: make(chan struct{})}
}

func (p *provider) GetMetadata(context.Context, *tfprotov5.GetMetadataRequest) (*tfprotov5.GetMetadataResponse, error) {
	metadata := &tfprotov5.GetMetadataResponse{ServerCapabilities: &tfprotov5.ServerCapabilities{}}
	for _, name := range sorted(p.known.resources) {
		metadata.Resources = append(metadata.Resources, tfprotov5.ResourceMetadata{TypeName: name})
	}
	for _, name := range sorted(p.known.data) {
		metadata.DataSources = append(metadata.DataSources, tfprotov5.DataSourceMetadata{TypeName: name})
	}
	return metadata, nil
}

func (p *provider) GetProviderSchema(context.Context, *tfprotov5.GetProviderSchemaRequest) (*tfprotov5.GetProviderSchemaResponse, error) {
	answer := &tfprotov5.GetProviderSchemaResponse{
		ServerCapabilities: &tfprotov5.ServerCapabilities{},
		ResourceSchemas:    map[string]*tfprotov5.Schema{},
		DataSourceSchemas:  map[string]*tfprotov5.Schema{},
	}
	var err error
	if answer.Provider, err = p.known.provider.schema(0); err != nil {
		return nil, fmt.Errorf("provider block: %w", err)
	}
	for name, found := range p.known.resources {
		if answer.ResourceSchemas[name], err = found.block.schema(found.version); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	for name, found := range p.known.data {
		if answer.DataSourceSchemas[name], err = found.Block.schema(0); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return answer, nil
}

func (p *provider) GetResourceIdentitySchemas(context.Context, *tfprotov5.GetResourceIdentitySchemasRequest) (*tfprotov5.GetResourceIdentitySchemasResponse, error) {
	return &tfprotov5.GetResourceIdentitySchemasResponse{}, nil
}

func (p *provider) GetFunctions(context.Context, *tfprotov5.GetFunctionsRequest) (*tfprotov5.GetFunctionsResponse, error) {
	return &tfprotov5.GetFunctionsResponse{}, nil
}

func (p *provider) PrepareProviderConfig(_ context.Context, request *tfprotov5.PrepareProviderConfigRequest) (*tfprotov5.PrepareProviderConfigResponse, error) {
	return &tfprotov5.PrepareProviderConfigResponse{PreparedConfig: request.Config}, nil
}

// ConfigureProvider signs in as the real one does: from arguments, else from the environment, else not at all.
func (p *provider) ConfigureProvider(ctx context.Context, request *tfprotov5.ConfigureProviderRequest) (*tfprotov5.ConfigureProviderResponse, error) {
	config, err := decode(p.known.provider, request.Config)
	if err != nil {
		return nil, err
	}
	for name, variables := range p.known.overlay.Environment {
		for _, variable := range variables {
			if value := os.Getenv(variable); value != "" && config[name] == nil {
				config[name] = value
			}
		}
	}
	p.config = config
	var found []*tfprotov5.Diagnostic
	err = p.cloud.locked(func() error {
		met, err := p.cloud.meet("configure", "", p.known.name)
		if err != nil {
			return err
		}
		if found = met.end(); found == nil {
			found, err = p.signIn(ctx, config)
		}
		return err
	})
	return &tfprotov5.ConfigureProviderResponse{Diagnostics: found}, err
}

func (p *provider) signIn(ctx context.Context, config map[string]any) ([]*tfprotov5.Diagnostic, error) {
	wanted := p.known.overlay.Credentials
	if wanted == nil {
		return nil, nil
	}
	for _, name := range sorted(p.known.overlay.Needed) {
		if config[name] == nil {
			return failure(p.known.overlay.Needed[name], ""), nil
		}
	}
	told, err := p.cloud.control()
	if err != nil {
		return nil, err
	}
	shown := object(copied(config))
	var source, given string
	for _, variable := range wanted.Environment {
		if value := os.Getenv(variable); value != "" && given == "" {
			source, given = "environment "+variable, value
		}
	}
	for _, argument := range wanted.Arguments {
		if value, isText := config[argument].(string); isText && value != "" {
			source, given = "argument "+argument, value
			delete(shown, argument)
		}
	}
	if given != "" {
		p.identity = &identity{given: given}
	} else if p.identity, source, err = wanted.found(ctx); err != nil {
		return failure(wanted.Summary, err.Error()), nil
	}
	for name, attribute := range p.known.provider.Attributes {
		if attribute.Sensitive {
			delete(shown, name)
		}
	}
	shown["signed_in_by"] = source
	if err := p.cloud.write(filepath.Join(p.cloud.folder, "provider.json"), shown); err != nil {
		return nil, err
	}
	if p.identity == nil {
		return failure(wanted.Summary, ""), nil
	}
	return p.admit(told)
}

// admit lets a call pass whose token the cloud takes.
func (p *provider) admit(told *control) ([]*tfprotov5.Diagnostic, error) {
	if p.identity == nil {
		return nil, nil
	}
	is, err := p.identity.admitted(told)
	if err != nil {
		return failure(err.Error(), ""), nil
	}
	if !is {
		return failure(p.known.overlay.Credentials.Rejected, ""), nil
	}
	return nil, nil
}

func (p *provider) StopProvider(context.Context, *tfprotov5.StopProviderRequest) (*tfprotov5.StopProviderResponse, error) {
	p.once.Do(func() { close(p.stopped) })
	return &tfprotov5.StopProviderResponse{}, nil
}

func (p *provider) ValidateDataSourceConfig(context.Context, *tfprotov5.ValidateDataSourceConfigRequest) (*tfprotov5.ValidateDataSourceConfigResponse, error) {
	return &tfprotov5.ValidateDataSourceConfigResponse{}, nil
}

func (p *provider) ReadDataSource(_ context.Context, request *tfprotov5.ReadDataSourceRequest) (*tfprotov5.ReadDataSourceResponse, error) {
	found := p.known.data[request.TypeName]
	if found == nil {
		return nil, fmt.Errorf("no data source %s", request.TypeName)
	}
	state, err := decode(found.Block, request.Config)
	if err != nil {
		return nil, err
	}
	made := &maker{provider: p.config, cloud: p.cloud, resource: &resource{name: request.TypeName, block: found.Block}}
	for _, name := range sorted(found.Values) {
		if state[name] == nil {
			if state[name], err = made.expandAll(found.Values[name], state); err != nil {
				return nil, err
			}
		}
	}
	answer, err := encode(found.Block, state)
	return &tfprotov5.ReadDataSourceResponse{State: answer}, err
}

// decode reads an object of the protocol; nil for a null one.
func decode(b *block, value *tfprotov5.DynamicValue) (map[string]any, error) {
	kind, err := b.kind()
	if err != nil {
		return nil, err
	}
	found, err := value.Unmarshal(kind)
	if err != nil {
		return nil, err
	}
	made, err := plain(found)
	return object(made), err
}

func encode(b *block, values map[string]any) (*tfprotov5.DynamicValue, error) {
	kind, err := b.kind()
	if err != nil {
		return nil, err
	}
	made := tftypes.NewValue(kind, nil)
	if values != nil {
		if made, err = typed(kind, values); err != nil {
			return nil, fmt.Errorf("value of another shape than its schema: %w", err)
		}
	}
	encoded, err := tfprotov5.NewDynamicValue(kind, made)
	return &encoded, err
}

// nameOf is what an operator calls a resource that may have no id yet.
func nameOf(values map[string]any) string {
	for _, name := range []string{"id", "name", "secret_id", "account_id"} {
		if found, isText := values[name].(string); isText {
			return found
		}
	}
	return strings.TrimSpace(fmt.Sprint(values["role"]))
}
