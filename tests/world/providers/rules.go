package main

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/hashicorp/terraform-plugin-go/tfprotov5"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// What a provider does with a resource beside what its schema says.
type rules struct {
	ID             string              `json:"id"`
	Computed       map[string]any      `json:"computed"`
	Defaults       map[string]any      `json:"defaults"`
	ForceNew       []string            `json:"force_new"`
	Sensitive      []string            `json:"sensitive"`
	WriteOnly      []string            `json:"write_only"`
	ComputedBlocks []string            `json:"computed_blocks"`
	Recompute      map[string][]string `json:"recompute"`
	Conflicts      [][]string          `json:"conflicts"`
	ExactlyOne     [][]string          `json:"exactly_one"`
	AtLeastOne     [][]string          `json:"at_least_one"`
	Together       [][]string          `json:"together"`
	OneOf          map[string][]string `json:"one_of"`
	Protected      *protection         `json:"protected"`
	Adopts         bool                `json:"adopts"`
	Survives       bool                `json:"survives"`
	Follows        bool                `json:"follows"`
}

type protection struct {
	Attribute string `json:"attribute"`
	Summary   string `json:"summary"`
}

// with adds what holds for all types, as far as the block has it.
func (r rules) with(all rules, b *block) rules {
	has := func(path string) bool {
		attribute, block := b.at(path)
		return attribute != nil || block != nil
	}
	merge := func(own map[string]any, others map[string]any) map[string]any {
		merged := map[string]any{}
		for path, value := range others {
			if has(path) {
				merged[path] = value
			}
		}
		for path, value := range own {
			merged[path] = value
		}
		return merged
	}
	r.Computed, r.Defaults = merge(r.Computed, all.Computed), merge(r.Defaults, all.Defaults)
	extend := func(own, others []string) []string {
		for _, path := range others {
			if has(path) && !slices.Contains(own, path) {
				own = append(own, path)
			}
		}
		return own
	}
	r.ForceNew, r.Sensitive = extend(r.ForceNew, all.ForceNew), extend(r.Sensitive, all.Sensitive)
	recompute := map[string][]string{}
	for _, table := range []map[string][]string{all.Recompute, r.Recompute} {
		for path, attributes := range table {
			if has(path) {
				recompute[path] = extend(recompute[path], attributes)
			}
		}
	}
	r.Recompute = recompute
	return r
}

// mark puts into the schema what the overlay knows of its attributes.
func (r rules) mark(b *block, prefix string) {
	for name, found := range b.Attributes {
		found.Sensitive = found.Sensitive || slices.Contains(r.Sensitive, prefix+name)
		found.WriteOnly = found.WriteOnly || slices.Contains(r.WriteOnly, prefix+name)
	}
	for name, inner := range b.Blocks {
		r.mark(inner.Block, prefix+name+".")
	}
}

// check holds a configuration to the rules, with the words of the providers' SDK.
func (r rules) check(config map[string]any) []*tfprotov5.Diagnostic {
	var found []*tfprotov5.Diagnostic
	for _, group := range r.Conflicts {
		if set := given(config, group); len(set) > 1 {
			for index, path := range set {
				other := set[(index+1)%len(set)]
				found = append(found, refusal("Conflicting configuration arguments", path,
					fmt.Sprintf("%q: conflicts with %s", path, other)))
			}
		}
	}
	for _, group := range r.ExactlyOne {
		all := strings.Join(inOrder(group), ",")
		switch set := given(config, group); {
		case len(set) > 1:
			detail := fmt.Sprintf("%q: only one of `%s` can be specified, but `%s` were specified.",
				set[0], all, strings.Join(inOrder(set), ","))
			found = append(found, refusal("Invalid combination of arguments", set[0], detail))
		case len(set) == 0 && !anyUnknown(config, group):
			detail := fmt.Sprintf("%q: one of `%s` must be specified", group[0], all)
			found = append(found, refusal("Invalid combination of arguments", group[0], detail))
		}
	}
	for _, group := range r.AtLeastOne {
		if len(given(config, group)) == 0 && !anyUnknown(config, group) {
			detail := fmt.Sprintf("%q: one of `%s` must be specified", group[0], strings.Join(inOrder(group), ","))
			found = append(found, refusal("Missing required argument", group[0], detail))
		}
	}
	for _, group := range r.Together {
		if set := given(config, group); len(set) > 0 && len(set) < len(group) && !anyUnknown(config, group) {
			detail := fmt.Sprintf("%q: all of `%s` must be specified", set[0], strings.Join(inOrder(group), ","))
			found = append(found, refusal("Missing required argument", set[0], detail))
		}
	}
	for _, path := range sorted(r.OneOf) {
		accepted := r.OneOf[path]
		for _, value := range values(config, path) {
			if value, isText := value.(string); isText && !slices.Contains(accepted, value) {
				summary := fmt.Sprintf("expected %s to be one of %q, got %s", path, accepted, value)
				found = append(found, refusal(summary, path, ""))
			}
		}
	}
	return found
}

func refusal(summary, path, detail string) *tfprotov5.Diagnostic {
	head, _, _ := strings.Cut(path, ".")
	return &tfprotov5.Diagnostic{
		Severity:  tfprotov5.DiagnosticSeverityError,
		Summary:   summary,
		Detail:    detail,
		Attribute: tftypes.NewAttributePath().WithAttributeName(head),
	}
}

func inOrder(paths []string) []string {
	ordered := slices.Clone(paths)
	sort.Strings(ordered)
	return ordered
}

// given is those of the paths that have a value which is known not to be null.
func given(config map[string]any, paths []string) []string {
	var set []string
	for _, path := range paths {
		isSet := slices.ContainsFunc(values(config, path), func(value any) bool {
			_, isUnknown := value.(unknown)
			return value != nil && !isUnknown && !isEmptyBlock(value)
		})
		if isSet {
			set = append(set, path)
		}
	}
	return set
}

func isEmptyBlock(value any) bool {
	found, isList := value.([]any)
	return isList && len(found) == 0
}

func anyUnknown(config map[string]any, paths []string) bool {
	return slices.ContainsFunc(paths, func(path string) bool {
		return slices.ContainsFunc(values(config, path), func(value any) bool { return !isWhole(value) })
	})
}

// values is all values at a dotted path, through lists of blocks.
func values(root map[string]any, path string) []any {
	head, rest, deeper := strings.Cut(path, ".")
	value, exists := root[head]
	if !exists {
		return nil
	}
	if !deeper {
		return []any{value}
	}
	if inner, isObject := value.(map[string]any); isObject {
		return values(inner, rest)
	}
	var all []any
	for _, element := range list(value) {
		all = append(all, values(object(element), rest)...)
	}
	return all
}
