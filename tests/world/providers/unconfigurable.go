package main

import (
	"fmt"

	"github.com/hashicorp/terraform-plugin-go/tfprotov5"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// unconfigurable is what a configuration says of attributes that the provider alone decides, with the words of the providers' SDK.
// A value that is not known yet is one too.
func (b *block) unconfigurable(config map[string]any, prefix string, path *tftypes.AttributePath) []*tfprotov5.Diagnostic {
	var found []*tfprotov5.Diagnostic
	for _, name := range sorted(b.Attributes) {
		attribute := b.Attributes[name]
		if attribute.Required || attribute.Optional || config[name] == nil {
			continue
		}
		found = append(found, &tfprotov5.Diagnostic{
			Severity: tfprotov5.DiagnosticSeverityError,
			Summary:  "Value for unconfigurable attribute",
			Detail: fmt.Sprintf("Can't configure a value for %q: its value will be decided automatically based on the result of "+
				"applying this configuration.", prefix+name),
			Attribute: path.WithAttributeName(name),
		})
	}
	for _, name := range sorted(b.Blocks) {
		inner := b.Blocks[name]
		for index, element := range elements(config[name]) {
			at := path.WithAttributeName(name)
			if inner.Nesting == "list" {
				at = at.WithElementKeyInt(index)
			}
			found = append(found, inner.Block.unconfigurable(element, fmt.Sprintf("%s%s.%d.", prefix, name, index), at)...)
		}
	}
	return found
}

// elements is the blocks of a kind, be they one or several.
func elements(value any) []map[string]any {
	if one := object(value); one != nil {
		return []map[string]any{one}
	}
	var all []map[string]any
	for _, element := range list(value) {
		if element := object(element); element != nil {
			all = append(all, element)
		}
	}
	return all
}
