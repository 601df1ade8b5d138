package markdown_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"sentry/internal/markdown"
)

func TestTable(t *testing.T) {
	assert.Equal(t, "| What | Dollars |\n| --- | ---: |\n| a \\| b | 1.00 |\n",
		markdown.Table([][]string{{"What", "Dollars:"}, {"a | b", "1.00"}}), "a bar ends the cell")
}
