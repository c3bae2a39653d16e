package main

import (
	"encoding/json"
	"fmt"
	"math/big"
	"reflect"
	"sort"

	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// A value known only after the act. Elsewhere values are plain: nil, bool, string, json.Number, []any, map[string]any.
type unknown struct{}

// plain turns a value of the protocol into a plain one. Elements of a set are sorted, so that equal sets are equal.
func plain(value tftypes.Value) (any, error) {
	if !value.IsKnown() {
		return unknown{}, nil
	}
	if value.IsNull() {
		return nil, nil
	}
	kind := value.Type()
	switch {
	case kind.Is(tftypes.String):
		return scalar[string](value)
	case kind.Is(tftypes.Bool):
		return scalar[bool](value)
	case kind.Is(tftypes.Number):
		number := new(big.Float)
		if err := value.As(number); err != nil {
			return nil, err
		}
		return json.Number(number.Text('f', -1)), nil
	case kind.Is(tftypes.Object{}), kind.Is(tftypes.Map{}):
		var parts map[string]tftypes.Value
		if err := value.As(&parts); err != nil {
			return nil, err
		}
		object := make(map[string]any, len(parts))
		for name, part := range parts {
			var err error
			if object[name], err = plain(part); err != nil {
				return nil, err
			}
		}
		return object, nil
	default:
		var parts []tftypes.Value
		if err := value.As(&parts); err != nil {
			return nil, err
		}
		list := make([]any, len(parts))
		for index, part := range parts {
			var err error
			if list[index], err = plain(part); err != nil {
				return nil, err
			}
		}
		if kind.Is(tftypes.Set{}) {
			sort.Slice(list, func(a, b int) bool { return text(list[a]) < text(list[b]) })
		}
		return list, nil
	}
}

func scalar[T any](value tftypes.Value) (any, error) {
	var found T
	err := value.As(&found)
	return found, err
}

// typed turns a plain value into one of this type.
func typed(kind tftypes.Type, value any) (tftypes.Value, error) {
	switch value := value.(type) {
	case unknown:
		return tftypes.NewValue(kind, tftypes.UnknownValue), nil
	case nil:
		return tftypes.NewValue(kind, nil), nil
	case string, bool:
		if number, isText := value.(string); isText && kind.Is(tftypes.Number) {
			return typed(kind, json.Number(number))
		}
		return checked(kind, value)
	case json.Number:
		if kind.Is(tftypes.String) {
			return checked(kind, value.String())
		}
		number, _, err := big.ParseFloat(value.String(), 10, 512, big.ToNearestEven)
		if err != nil {
			return tftypes.Value{}, fmt.Errorf("%q is no number: %w", value, err)
		}
		return checked(kind, number)
	case float64:
		return checked(kind, big.NewFloat(value))
	case map[string]any:
		return typedObject(kind, value)
	case []any:
		element, err := elementOf(kind)
		if err != nil {
			return tftypes.Value{}, err
		}
		parts := make([]tftypes.Value, len(value))
		for index, part := range value {
			if parts[index], err = typed(element, part); err != nil {
				return tftypes.Value{}, err
			}
		}
		return checked(kind, parts)
	default:
		return tftypes.Value{}, fmt.Errorf("%T is no plain value", value)
	}
}

func typedObject(kind tftypes.Type, value map[string]any) (tftypes.Value, error) {
	parts := map[string]tftypes.Value{}
	var err error
	if object, isObject := kind.(tftypes.Object); isObject {
		for name, part := range object.AttributeTypes {
			if parts[name], err = typed(part, value[name]); err != nil {
				return tftypes.Value{}, fmt.Errorf("%s: %w", name, err)
			}
		}
		return checked(kind, parts)
	}
	element, err := elementOf(kind)
	if err != nil {
		return tftypes.Value{}, err
	}
	for name, part := range value {
		if parts[name], err = typed(element, part); err != nil {
			return tftypes.Value{}, fmt.Errorf("%s: %w", name, err)
		}
	}
	return checked(kind, parts)
}

func elementOf(kind tftypes.Type) (tftypes.Type, error) {
	switch kind := kind.(type) {
	case tftypes.List:
		return kind.ElementType, nil
	case tftypes.Set:
		return kind.ElementType, nil
	case tftypes.Map:
		return kind.ElementType, nil
	default:
		return nil, fmt.Errorf("%s has no elements", kind)
	}
}

func checked(kind tftypes.Type, value any) (tftypes.Value, error) {
	if err := tftypes.ValidateValue(kind, value); err != nil {
		return tftypes.Value{}, err
	}
	return tftypes.NewValue(kind, value), nil
}

func text(value any) string {
	bytes, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(bytes)
}

func (unknown) MarshalJSON() ([]byte, error) {
	return []byte(`"(known after apply)"`), nil
}

func equal(a, b any) bool {
	return reflect.DeepEqual(a, b)
}

func object(value any) map[string]any {
	found, _ := value.(map[string]any)
	return found
}

func list(value any) []any {
	found, _ := value.([]any)
	return found
}

// copied is a value that shares nothing with the other.
func copied(value any) any {
	switch value := value.(type) {
	case map[string]any:
		object := make(map[string]any, len(value))
		for name, part := range value {
			object[name] = copied(part)
		}
		return object
	case []any:
		list := make([]any, len(value))
		for index, part := range value {
			list[index] = copied(part)
		}
		return list
	default:
		return value
	}
}

// isWhole tells whether nothing in a value is unknown.
func isWhole(value any) bool {
	switch value := value.(type) {
	case unknown:
		return false
	case map[string]any:
		for _, part := range value {
			if !isWhole(part) {
				return false
			}
		}
	case []any:
		for _, part := range value {
			if !isWhole(part) {
				return false
			}
		}
	}
	return true
}
