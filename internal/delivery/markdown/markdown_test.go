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
	for _, r := range "\\`*_{}[]<>()#!|~&" {
		assert.Equal(t, `\`+string(r)+"x", markdown.Escape(string(r)+"x"))
	}
	assert.Equal(t, "`@octo-org/team`", markdown.Escape("@octo-org/team"), "a name of a resource calls people")
	assert.Equal(t, "`````\na````b\n`````\n", markdown.Fence("", "a````b"), "a message ends its block")
	assert.Equal(t, "```diff\n`` ``\n```\n", markdown.Fence("diff", "`` ``"))
	assert.Equal(t, "<details><summary>title</summary>\n\nbody\n</details>\n", markdown.Fold("title", "body"))
	assert.Equal(t, "1 change, 2 changes, 0 changes", markdown.Count(1, "change")+", "+markdown.Count(2, "change")+", "+markdown.Count(0, "change"))
	assert.Equal(t, "```\na\n\tb�\n```\n", markdown.Fence("", "a\n\tb\u202e\n\n"), "lines of a message are lost, or turned around")
}

func TestCut(t *testing.T) {
	for n := range 40 {
		text := markdown.Cut(strings.Repeat("ü", 30), n)
		assert.True(t, utf8.ValidString(text), "a character is split")
		assert.LessOrEqual(t, len(text), max(n, len(" … (cut)")))
	}
	assert.Equal(t, "short", markdown.Cut("short", 5))
	assert.Equal(t, "abcdef … (cut)", markdown.Cut(strings.Repeat("abcdefgh", 9), 16), "a text is cut, and does not say so")
}
