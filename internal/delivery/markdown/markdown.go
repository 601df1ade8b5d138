// Package markdown puts text that others wrote into Markdown of GitHub's so that it stays text: names and values
// of resources, messages of the engine, log lines of the application.
package markdown

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Plain is one line of text: control characters, which could forge a line, become spaces, and characters without
// a shape of their own, which could turn a line around or hide in it, become visible.
func Plain(s string) string { return sanitize(s, false) }

func sanitize(s string, lines bool) string {
	return strings.Map(func(r rune) rune {
		switch {
		case lines && (r == '\n' || r == '\t'):
			return r
		case unicode.IsControl(r), r == '\u2028', r == '\u2029':
			return ' '
		case unicode.Is(unicode.Cf, r): // bidirectional and zero-width ones, tags of emoji
			return '\uFFFD'
		}
		return r
	}, s)
}

// Code is a code span, in which Markdown, HTML and mentions mean nothing.
func Code(s string) string { return "`" + strings.ReplaceAll(Plain(s), "`", "'") + "`" }

// Cell is a code span for a table, in which a bar would end the cell.
func Cell(s string) string { return strings.ReplaceAll(Code(s), "|", `\|`) }

// Escape makes text safe outside a code span. Nothing but a code span stops a mention.
func Escape(s string) string {
	if strings.ContainsRune(s, '@') {
		return Code(s)
	}
	var b strings.Builder
	for _, r := range Plain(s) {
		if strings.ContainsRune("\\`*_{}[]<>()#!|~&", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// Fence is a block of code whose fence is longer than any run of backticks inside. It ends with a line break.
func Fence(language, text string) string {
	longest, run := 2, 0
	for _, r := range text {
		if r != '`' {
			run = 0
			continue
		}
		run++
		longest = max(longest, run)
	}
	bar := strings.Repeat("`", longest+1)
	return bar + language + "\n" + strings.TrimRight(sanitize(text, true), "\n") + "\n" + bar + "\n"
}

// Fold hides a text behind its title.
func Fold(title, body string) string {
	return "<details><summary>" + title + "</summary>\n\n" + body + "\n</details>\n"
}

// Count is a number of things: 1 change, 2 changes.
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// Cut shortens s to at most n bytes without splitting a character.
func Cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	const mark = " … (cut)"
	n = max(n-len(mark), 0)
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + mark
}
