// Package results has the numbers of the last whole run of the interruptions, for the documents.
package results

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// File is where the numbers are kept, seen from the project. `make reliability` writes it.
const File = "internal/reliability/results/results.json"

const (
	// FromNothing is the name of the deployment of a new environment.
	FromNothing = "from nothing"
	// Drift is the name of what happens to a stack while nothing is deployed.
	Drift = "nothing is deployed"
)

//go:embed results.json
var last []byte

// Results are the numbers of a whole run.
type Results struct {
	Rows []Row `json:"rows"`
	// Backend are the misfortunes of the state that were tried.
	Backend []string `json:"backend"`
}

// Row are the interruptions of one scenario by one fault.
type Row struct {
	Stack      string `json:"stack"`
	Scenario   string `json:"scenario"`
	Operations int    `json:"operations"`
	Fault      string `json:"fault"`
	// After is what was done after the interruption.
	After string `json:"after"`
	// Struck is how many of the operations were struck, Lost how many of those ended with something lost.
	Struck int `json:"struck"`
	Lost   int `json:"lost"`
}

// Last are the numbers of the last run.
func Last() (r Results, err error) {
	if err := json.Unmarshal(last, &r); err != nil {
		return r, fmt.Errorf("read %s: %w", File, err)
	}
	return r, nil
}

// Write writes them, a row a line.
func (r Results) Write(dir string) error {
	var rows bytes.Buffer
	for i, row := range r.Rows {
		text, err := json.Marshal(row)
		if err != nil {
			return err
		}
		if i > 0 {
			rows.WriteByte(',')
		}
		fmt.Fprintf(&rows, "\n%s", text)
	}
	backend, err := json.MarshalIndent(r.Backend, "", "  ")
	if err != nil {
		return err
	}
	text := fmt.Sprintf("{\n\"rows\": [%s\n],\n\"backend\": %s\n}\n", rows.Bytes(), backend)
	return os.WriteFile(filepath.Join(dir, File), []byte(text), 0o644)
}

// Struck is how many deployments were interrupted.
func (r Results) Struck() int {
	n := len(r.Backend)
	for _, row := range r.Rows {
		n += row.Struck
	}
	return n
}

// Scenarios are the tables' rows: a scenario, and its operations in each of the stacks.
func (r Results) Scenarios() [][]string {
	stacks := distinct(r.Rows, func(row Row) string { return row.Stack })
	table := [][]string{{"Deployment"}}
	for _, stack := range stacks {
		table[0] = append(table[0], stack+":")
	}
	for _, scenario := range distinct(r.Rows, func(row Row) string { return row.Scenario }) {
		if scenario == Drift {
			continue // no deployment
		}
		line := []string{scenario}
		for _, stack := range stacks {
			i := slices.IndexFunc(r.Rows, func(row Row) bool { return row.Scenario == scenario && row.Stack == stack })
			cell := ""
			if i >= 0 {
				cell = strconv.Itoa(r.Rows[i].Operations)
			}
			line = append(line, cell)
		}
		table = append(table, line)
	}
	return table
}

// Operations is how many a new environment took, each of which was struck; 0 where the environment was not tried.
func (r Results) Operations(stack string) int {
	for _, row := range r.Rows {
		if row.Stack == stack && row.Scenario == FromNothing {
			return row.Operations
		}
	}
	return 0
}

// Faults are the tables' rows: a fault, and what became of the deployments that it struck.
func (r Results) Faults() [][]string {
	table := [][]string{{"Interruption", "what was done then", "interrupted:", "lost:"}}
	for _, fault := range distinct(r.Rows, func(row Row) string { return row.Fault }) {
		var struck, lost int
		after := ""
		for _, row := range r.Rows {
			if row.Fault == fault {
				struck, lost, after = struck+row.Struck, lost+row.Lost, row.After
			}
		}
		table = append(table, []string{fault, after, strconv.Itoa(struck), strconv.Itoa(lost)})
	}
	return table
}

func distinct(rows []Row, of func(Row) string) []string {
	var found []string
	for _, row := range rows {
		if !slices.Contains(found, of(row)) {
			found = append(found, of(row))
		}
	}
	return found
}
