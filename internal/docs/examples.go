package docs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"sentry/examples"
	"sentry/internal/cost"
	"sentry/internal/markdown"
	"sentry/internal/project"
	"sentry/internal/sandbox"
)

// priceExamples adds the parts of the examples' documents, where the project in dir has examples.
func priceExamples(dir string, parts map[string]string) error {
	if _, err := os.Stat(filepath.Join(dir, "examples")); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	index := [][]string{{"Example", "what it is", "dollars a month:"}}
	for _, e := range examples.All {
		report, err := priceExample(dir, e)
		if err != nil {
			return fmt.Errorf("price examples/%s: %w", e.Name, err)
		}
		index = append(index, []string{fmt.Sprintf("[%s](%s/README.md)", e.Name, e.Name), e.What, fmt.Sprintf("%.2f", report.Total)})
		price := fmt.Sprintf("**$%.2f a month**", report.Total)
		if e.OwnProgram() {
			own := 0.0
			for _, line := range report.Lines {
				if strings.EqualFold(line.Component, e.Name) {
					own += line.Amount
				}
			}
			price += fmt.Sprintf(" for the whole environment, $%.2f of it for the %s", own, e.Name)
		}
		parts["price-"+e.Name] = price + "."
	}
	parts["examples"] = markdown.Table(index)
	return nil
}

func priceExample(dir string, e examples.Example) (report cost.Report, err error) {
	err = e.In(dir, func(p project.Project) error {
		running, err := sandbox.RecordStack(e.Program, p, e.Stack, sandbox.StackOptions{Released: true})
		if err != nil {
			return err
		}
		report, err = cost.PriceOf(e.Stack, running, nil)
		return err
	})
	if err == nil && len(report.Unpriced) > 0 {
		err = fmt.Errorf("nothing is known of the price of %v", report.Unpriced)
	}
	return report, err
}
