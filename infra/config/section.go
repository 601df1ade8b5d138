package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// section reads the fields of one object: the keys of the project, or below them an object such as
// sentry:container. Its readers report what they cannot read and return the zero value then; the SDK's either
// panic, or take what does not parse for zero, or stop at the first problem.
//
// What a section has been asked for is what it knows; [section.refuseRest] reports everything else.
type section struct {
	*problems
	// path begins the keys of the section, sentry: or sentry:container. for example.
	path string
	// lookup is a field's value as JSON has it, or at the top as the text that Pulumi hands over; nil when it is
	// not set.
	lookup func(name string) any
	// set are the names of the fields that have a value; the top does not know them.
	set []string
	// names are those that have been asked for.
	names []string
}

func (s *section) refuse(name, format string, args ...any) {
	s.problems.refuse(s.path+name, format, args...)
}

func (s *section) unreadable(name, format string, args ...any) {
	s.problems.unreadable(s.path+name, format, args...)
}

// value is a field's value; an empty text, Pulumi.yaml's default for most keys, counts as not set.
func (s *section) value(name string) any {
	if !slices.Contains(s.names, name) {
		s.names = append(s.names, name)
	}
	value := s.lookup(name)
	if value == "" {
		return nil
	}
	return value
}

// require reports the fields without a value. examples are pairs of a name and a value for it.
func (s *section) require(where string, examples ...[2]string) {
	for _, example := range examples {
		if s.value(example[0]) == nil {
			s.unreadable(example[0], "not set; set it in %s, for example to %s", where, example[1])
		}
	}
}

// text takes numbers and booleans, too: YAML makes them of what people mean as text.
func (s *section) text(name string) string {
	value := s.value(name)
	text, ok := scalar(value)
	if value != nil && !ok {
		s.unreadable(name, "%s is not text", show(value))
	}
	return text
}

func scalar(value any) (text string, ok bool) {
	switch value := value.(type) {
	case string:
		return value, true
	case float64, bool:
		return show(value), true
	}
	return "", false
}

// textOr is fallback when the field is not set.
func (s *section) textOr(name, fallback string) string {
	if text := s.text(name); text != "" {
		return text
	}
	return fallback
}

// oneOf is the first of the allowed words when the field is not set.
func (s *section) oneOf(name string, allowed ...string) string {
	word := s.textOr(name, allowed[0])
	if !slices.Contains(allowed, word) {
		s.refuse(name, "%q; allowed: %s", word, strings.Join(allowed, ", "))
	}
	return word
}

// number is 0 when the field is not set.
func (s *section) number(name string) int {
	switch value := s.value(name).(type) {
	case nil:
		return 0
	case float64:
		if value == math.Trunc(value) && math.Abs(value) < 1<<53 {
			return int(value)
		}
		s.unreadable(name, "%s is not a whole number", show(value))
	case string:
		number, err := strconv.Atoi(value)
		if err == nil {
			return number
		}
		s.unreadable(name, "%q is not a whole number", value)
	default:
		s.unreadable(name, "%s is not a whole number", show(value))
	}
	return 0
}

// between is fallback when the field is not set.
func (s *section) between(name string, fallback, low, high int) int {
	if s.value(name) == nil {
		return fallback
	}
	number := s.number(name)
	if number < low || number > high {
		s.refuse(name, "%d; allowed: %d to %d", number, low, high)
	}
	return number
}

func (s *section) boolean(name string) bool {
	switch value := s.value(name); value {
	case true, "true":
		return true
	case nil, false, "false":
	default:
		s.unreadable(name, "%s is not a boolean; allowed: true, false", show(value))
	}
	return false
}

func (s *section) list(name string) []string {
	value := s.value(name)
	if value == nil {
		return nil
	}
	elements, ok := decoded(value).([]any)
	list := make([]string, len(elements))
	for i, element := range elements {
		text, isScalar := scalar(element)
		list[i], ok = text, ok && isScalar
	}
	if !ok {
		s.unreadable(name, "%s is not a list of texts", show(value))
		return nil
	}
	return list
}

func (s *section) network(name string) netip.Prefix {
	if value := s.text(name); value != "" {
		return s.parseNetwork(name, value)
	}
	return netip.Prefix{}
}

func (s *section) networks(name string) []netip.Prefix {
	var networks []netip.Prefix
	for _, value := range s.list(name) {
		networks = append(networks, s.parseNetwork(name, value))
	}
	return networks
}

func (s *section) parseNetwork(name, value string) netip.Prefix {
	network, err := netip.ParsePrefix(value)
	switch {
	case err != nil || !network.Addr().Is4():
		s.unreadable(name, "%q is not an IPv4 block; allowed: an address and the number of its bits that are fixed, such as 10.0.0.0/16", value)
	case network != network.Masked():
		s.refuse(name, "%s is an address inside of %s; allowed: the block's first address", network, network.Masked())
	}
	return network
}

// pairs never shows a value: it may be a secret that somebody put here by mistake.
func (s *section) pairs(name string) map[string]string {
	value := s.value(name)
	if value == nil {
		return map[string]string{}
	}
	fields, ok := decoded(value).(map[string]any)
	pairs := make(map[string]string, len(fields))
	for field, value := range fields {
		text, isScalar := scalar(value)
		pairs[field], ok = text, ok && isScalar
	}
	if !ok {
		s.unreadable(name, "not a map of names to texts")
		return nil
	}
	return pairs
}

// object is the section of a field's own fields, without any when it is not set.
func (s *section) object(name string) *section {
	fields, _ := s.objectOr(name)
	return fields
}

// objectOr is for a field that may also be one of some words, such as true. The word is nil when it is an object, or
// not set.
func (s *section) objectOr(name string, words ...any) (fields *section, word any) {
	value := decoded(s.value(name))
	fields = &section{problems: s.problems, path: s.path + name + "."}
	object, isObject := value.(map[string]any)
	fields.lookup = func(name string) any { return object[name] }
	switch {
	case isObject:
		fields.set = sortedKeys(object)
	case value == nil:
	case slices.Contains(words, value):
		return fields, value
	case len(words) > 0:
		s.unreadable(name, "%s is not an object with fields; allowed instead of one: %s", show(value), list(words))
	default:
		s.unreadable(name, "%s is not an object with fields", show(value))
	}
	return fields, nil
}

// decoded is the value that a text at the top stands for.
func decoded(value any) any {
	var inner any
	if text, isText := value.(string); isText && json.Unmarshal([]byte(text), &inner) == nil {
		return inner
	}
	return value
}

// refuseRest reports the fields that are set, but which nothing has read: a typo must not silently do nothing.
func (s *section) refuseRest() {
	for _, name := range slices.Compact(slices.Sorted(slices.Values(s.set))) {
		if slices.Contains(s.names, name) {
			continue
		}
		i := slices.IndexFunc(s.names, func(known string) bool { return strings.EqualFold(known, name) })
		if i >= 0 {
			s.refuse(name, "nothing reads this key; did you mean %s%s?", s.path, s.names[i])
			continue
		}
		s.refuse(name, "nothing reads this key; allowed: %s", strings.Join(s.names, ", "))
	}
}

// show prints a value for a message.
func show(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(text)
}

// list prints values for a message: "1, 2, 3".
func list[T any](values []T) string {
	return strings.ReplaceAll(strings.Trim(fmt.Sprint(values), "[]"), " ", ", ")
}

func sortedKeys[V any](values map[string]V) []string {
	return slices.Sorted(maps.Keys(values))
}
