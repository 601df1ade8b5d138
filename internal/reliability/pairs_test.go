package reliability

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"sentry/internal/fixture"
)

// What can be switched on, can be switched on together with each of the others. Many are on at a time, until each has
// been on with each. A stack that runs gets one group after the other; the preview after each is empty.
func TestAllPairsOfSettings(t *testing.T) {
	t.Parallel()
	s := running(t)
	plain := maps.Clone(s.config)
	deploy := func(settings ...[]fixture.Setting) error {
		s.config = maps.Clone(plain)
		s.Configure(fixture.Configuration(slices.Concat(settings...)...))
		if err := s.Up(); err != nil {
			return err
		}
		return s.settled()
	}
	for _, together := range covering(fixture.Settings()) {
		if deploy(together...) == nil {
			continue
		}
		// Which of them do not go together?
		before := t.Failed()
		for i, one := range together {
			for _, other := range together[i:] {
				assert.NoError(t, deploy(one, other), "%v with %v", one, other)
			}
		}
		assert.NotEqual(t, before, t.Failed(), "each two of these can be deployed, but not all: %v", together)
	}
}

// covering are groups of settings such that each two that do not exclude each other are in one.
func covering(settings [][]fixture.Setting) [][][]fixture.Setting {
	random := rand.New(rand.NewPCG(1, 2))
	covered := map[[2]int]bool{}
	var groups [][][]fixture.Setting
	for i := range settings {
		for j := range settings[:i] {
			if covered[[2]int{j, i}] || exclude(settings[i], settings[j]) {
				continue
			}
			group := []int{j, i}
			for _, k := range random.Perm(len(settings)) {
				if !slices.ContainsFunc(group, func(g int) bool { return exclude(settings[g], settings[k]) }) {
					group = append(group, k)
				}
			}
			slices.Sort(group)
			var chosen [][]fixture.Setting
			for at, k := range group {
				chosen = append(chosen, settings[k])
				for _, l := range group[:at] {
					covered[[2]int{l, k}] = true
				}
			}
			groups = append(groups, chosen)
		}
	}
	return groups
}

// exclude: two values for one thing.
func exclude(a, b []fixture.Setting) bool {
	for _, x := range a {
		for _, y := range b {
			if x.Key == y.Key && (x.Field == "" || y.Field == "" || x.Field == y.Field && x.String() != y.String()) {
				return true
			}
		}
	}
	return false
}
