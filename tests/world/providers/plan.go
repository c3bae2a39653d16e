package main

import "slices"

// plan is what a resource would be: what was proposed, with the provider's defaults, and unknown where the cloud will
// choose. `prior` is nil for one that does not exist.
func (r *resource) plan(prior, proposed map[string]any) map[string]any {
	planned := object(copied(proposed))
	r.planBlock(r.block, "", prior, planned)
	if prior == nil {
		return planned
	}
	for argument, attributes := range r.rules.Recompute {
		if equal(values(prior, argument), values(planned, argument)) {
			continue
		}
		for _, name := range attributes {
			planned[name] = unknown{}
		}
	}
	return planned
}

func (r *resource) planBlock(b *block, prefix string, prior, planned map[string]any) {
	for name, found := range b.Attributes {
		path := prefix + name
		value, isDefault := r.rules.Defaults[path]
		switch {
		case found.WriteOnly:
			planned[name] = nil
		case planned[name] != nil:
		case isDefault:
			planned[name] = value
		case found.Computed && prior == nil:
			planned[name] = unknown{}
		}
	}
	for name, inner := range b.Blocks {
		path := prefix + name
		if inner.Nesting == "single" || inner.Nesting == "group" {
			// An absent single block, such as `timeouts`, stays absent.
			if element := object(planned[name]); element != nil {
				r.planBlock(inner.Block, path+".", object(prior[name]), element)
			}
			continue
		}
		elements, before := list(planned[name]), list(prior[name])
		if len(elements) == 0 && slices.Contains(r.rules.ComputedBlocks, path) {
			if prior == nil {
				planned[name] = unknown{}
			} else {
				planned[name] = copied(prior[name])
			}
			continue
		}
		for index, element := range elements {
			r.planBlock(inner.Block, path+".", r.counterpart(inner, before, index, element), object(element))
		}
	}
}

// counterpart is what an element of a block was before; nil if it is new.
func (r *resource) counterpart(n *nested, before []any, index int, element any) map[string]any {
	if n.Nesting != "set" {
		if index < len(before) {
			return object(before[index])
		}
		return nil
	}
	for _, candidate := range before {
		if matches(object(candidate), object(element)) {
			return object(candidate)
		}
	}
	return nil
}

// matches tells whether an element is another one but for what it leaves open.
func matches(before, element map[string]any) bool {
	for name, value := range element {
		if value != nil && !equal(value, before[name]) {
			return false
		}
	}
	return true
}

// replacements is the arguments whose change the cloud cannot make on what exists.
func (r *resource) replacements(prior, planned map[string]any) []string {
	var forcing []string
	for _, path := range r.rules.ForceNew {
		if !equal(values(prior, path), values(planned, path)) {
			forcing = append(forcing, path)
		}
	}
	return forcing
}
