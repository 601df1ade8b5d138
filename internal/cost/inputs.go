package cost

import (
	"strconv"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// The readers of inputs look through secrets and outputs. What is not there, unknown, or of another kind is
// the zero value, and false where they say so.

func plain(v resource.PropertyValue) resource.PropertyValue {
	for {
		switch {
		case v.IsSecret():
			v = v.SecretValue().Element
		case v.IsOutput():
			v = v.OutputValue().Element
		default:
			return v
		}
	}
}

func text(v resource.PropertyValue) (string, bool) {
	if v = plain(v); v.IsString() {
		return v.StringValue(), true
	}
	return "", false
}

func number(v resource.PropertyValue) (float64, bool) {
	switch v = plain(v); {
	case v.IsNumber():
		return v.NumberValue(), true
	case v.IsString():
		n, err := strconv.ParseFloat(v.StringValue(), 64)
		return n, err == nil
	}
	return 0, false
}

func flag(v resource.PropertyValue) bool {
	v = plain(v)
	return v.IsBool() && v.BoolValue()
}

func list(v resource.PropertyValue) []resource.PropertyValue {
	if v = plain(v); v.IsArray() {
		return v.ArrayValue()
	}
	return nil
}

func object(v resource.PropertyValue) resource.PropertyMap {
	if v = plain(v); v.IsObject() {
		return v.ObjectValue()
	}
	return nil
}
