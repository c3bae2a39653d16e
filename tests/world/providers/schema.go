package main

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/hashicorp/terraform-plugin-go/tfprotov5"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

//go:embed *.json
var files embed.FS

// What is known of a provider: its schema and its overlay.
type knowledge struct {
	name      string
	provider  *block
	resources map[string]*resource
	data      map[string]*dataSource
	overlay   overlay
}

type resource struct {
	name    string
	version int64
	block   *block
	rules   rules
}

type dataSource struct {
	Block  *block         `json:"block"`
	Values map[string]any `json:"values"`
}

// A block as `terraform providers schema -json` prints it.
type block struct {
	Attributes map[string]*attribute `json:"attributes"`
	Blocks     map[string]*nested    `json:"block_types"`
}

type attribute struct {
	Type      json.RawMessage `json:"type"`
	Required  bool            `json:"required"`
	Optional  bool            `json:"optional"`
	Computed  bool            `json:"computed"`
	Sensitive bool            `json:"sensitive"`
	WriteOnly bool            `json:"write_only"`
}

type nested struct {
	Nesting  string `json:"nesting_mode"`
	Block    *block `json:"block"`
	MinItems int64  `json:"min_items"`
	MaxItems int64  `json:"max_items"`
}

type overlay struct {
	Provider    *block                 `json:"provider"`
	Environment map[string][]string    `json:"environment"`
	Needed      map[string]string      `json:"needed"`
	Credentials *credentials           `json:"credentials"`
	Data        map[string]*dataSource `json:"data"`
	Exists      string                 `json:"exists"`
	All         rules                  `json:"all"`
	Types       map[string]rules       `json:"types"`
	Add         map[string]schemaFile  `json:"add"`
}

// What a provider must be given to sign in, and what it says otherwise.
type credentials struct {
	Arguments   []string `json:"arguments"`
	Environment []string `json:"environment"`
	Summary     string   `json:"summary"`
	Rejected    string   `json:"rejected"`
	// The variable that names a metadata server.
	Metadata string `json:"metadata"`
}

type schemaFile struct {
	Version int64  `json:"version"`
	Block   *block `json:"block"`
}

// load reads the schema of the provider of this name.
func load(name string, cloud *store) (*knowledge, error) {
	known := &knowledge{name: name, resources: map[string]*resource{}}
	if err := readEmbedded(name+".overlay.json", &known.overlay); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	schemas, err := resourceSchemas(name, cloud)
	if err != nil {
		return nil, err
	}
	for kind, added := range known.overlay.Add {
		schemas[kind] = added
	}
	for kind, schema := range schemas {
		rules := known.overlay.Types[kind].with(known.overlay.All, schema.Block)
		rules.mark(schema.Block, "")
		known.resources[kind] = &resource{name: kind, version: schema.Version, block: schema.Block, rules: rules}
	}
	for kind := range known.overlay.Types {
		if known.resources[kind] == nil {
			return nil, fmt.Errorf("the overlay of %s speaks of %s, which its schema does not have", name, kind)
		}
	}
	known.provider, known.data = known.overlay.Provider, known.overlay.Data
	if known.provider == nil {
		known.provider = &block{}
	}
	return known, nil
}

func resourceSchemas(name string, cloud *store) (map[string]schemaFile, error) {
	var document struct {
		Providers map[string]struct {
			Resources map[string]schemaFile `json:"resource_schemas"`
			Provider  schemaFile            `json:"provider"`
		} `json:"provider_schemas"`
	}
	bytes, err := os.ReadFile(filepath.Join(cloud.folder, "schema.json"))
	if errors.Is(err, fs.ErrNotExist) {
		found, _ := fs.Glob(files, name+"-*.json")
		if len(found) != 1 {
			return nil, fmt.Errorf("no schema of provider %s", name)
		}
		bytes, err = files.ReadFile(found[0])
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(bytes, &document); err != nil {
		return nil, fmt.Errorf("schema of %s: %w", name, err)
	}
	for source, provider := range document.Providers {
		if strings.HasSuffix(source, "/"+name) {
			return provider.Resources, nil
		}
	}
	return nil, fmt.Errorf("the schema is of another provider than %s", name)
}

func readEmbedded(path string, into any) error {
	bytes, err := files.ReadFile(path)
	if err != nil {
		return err
	}
	decoder := json.NewDecoder(strings.NewReader(string(bytes)))
	decoder.UseNumber()
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func (b *block) protocol() (*tfprotov5.SchemaBlock, error) {
	made := &tfprotov5.SchemaBlock{}
	for _, name := range sorted(b.Attributes) {
		found := b.Attributes[name]
		kind, err := tftypes.ParseJSONType(found.Type) //nolint:staticcheck // The only parser of this form.
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		made.Attributes = append(made.Attributes, &tfprotov5.SchemaAttribute{
			Name: name, Type: kind, Required: found.Required, Optional: found.Optional, Computed: found.Computed,
			Sensitive: found.Sensitive, WriteOnly: found.WriteOnly,
		})
	}
	for _, name := range sorted(b.Blocks) {
		found := b.Blocks[name]
		inner, err := found.Block.protocol()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		made.BlockTypes = append(made.BlockTypes, &tfprotov5.SchemaNestedBlock{
			TypeName: name, Block: inner, Nesting: nesting[found.Nesting],
			MinItems: found.MinItems, MaxItems: found.MaxItems,
		})
	}
	return made, nil
}

var nesting = map[string]tfprotov5.SchemaNestedBlockNestingMode{
	"single": tfprotov5.SchemaNestedBlockNestingModeSingle,
	"list":   tfprotov5.SchemaNestedBlockNestingModeList,
	"set":    tfprotov5.SchemaNestedBlockNestingModeSet,
	"map":    tfprotov5.SchemaNestedBlockNestingModeMap,
	"group":  tfprotov5.SchemaNestedBlockNestingModeGroup,
}

func (b *block) schema(version int64) (*tfprotov5.Schema, error) {
	made, err := b.protocol()
	return &tfprotov5.Schema{Version: version, Block: made}, err
}

func (b *block) kind() (tftypes.Type, error) {
	made, err := b.protocol()
	if err != nil {
		return nil, err
	}
	return made.ValueType(), nil
}

// at is the attribute or the block at a dotted path.
func (b *block) at(path string) (*attribute, *nested) {
	head, rest, deeper := strings.Cut(path, ".")
	if inner := b.Blocks[head]; inner != nil {
		if deeper {
			return inner.Block.at(rest)
		}
		return nil, inner
	}
	if deeper {
		return nil, nil
	}
	return b.Attributes[head], nil
}

func sorted[T any](names map[string]T) []string {
	list := make([]string, 0, len(names))
	for name := range names {
		list = append(list, name)
	}
	sort.Strings(list)
	return list
}
