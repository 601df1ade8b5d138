package markdown_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"

	"sentry/internal/delivery/markdown"
)

func TestTextStaysText(t *testing.T) {
	assert.Equal(t, "a b c", markdown.Plain("a\nb\rc"), "a name can begin a line of its own")
	assert.Equal(t, "user�gpj.exe", markdown.Plain("user\u202egpj.exe"), "a name can be shown backwards")
	assert.Equal(t, "stag�ing", markdown.Plain("stag\u200bing"), "two names look the same")
	assert.Equal(t, "`x' ''' y`", markdown.Code("x`\n```\ny")[:len("`x' ''' y`")], "a name ends its code span")
	assert.Equal(t, "`a\\|b`", markdown.Cell("a|b"), "a name ends its cell")
	assert.Equal(t, `\<b\>\*x\*`, markdown.Escape("<b>*x*"))
	assert.Equal(t, "`@octo-org/team`", markdown.Escape("@octo-org/team"), "a name of a resource calls people")
	assert.Equal(t, "`````\na````b\n`````\n", markdown.Fence("", "a````b"), "a message ends its block")
	assert.Equal(t, "```\na\n\tb�\n```\n", markdown.Fence("", "a\n\tb\u202e\n\n"), "lines of a message are lost, or turned around")
}

func TestCut(t *testing.T) {
	for n := range 40 {
		text := markdown.Cut(strings.Repeat("ü", 30), n)
		assert.True(t, utf8.ValidString(text), "a character is split")
		assert.LessOrEqual(t, len(text), max(n, len(" … (cut)")))
	}
	assert.Equal(t, "short", markdown.Cut("short", 5))
}
