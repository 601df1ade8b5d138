package project

import "fmt"

// Guard is the stack file's key of a guarded environment, with the project's name before it: what holds data is protected
// from deletion, deployments need an approval, and pull requests get no role in it.
const Guard = "protect"

// Guarded says whether an environment is guarded. One whose file cannot be read is.
func (p Project) Guarded(environment string) bool {
	values, err := p.Values(environment)
	if err != nil {
		return true
	}
	switch value := values[p.Name+":"+Guard].(type) {
	case nil:
		return false
	case bool:
		return value
	default: // the CLI writes texts
		return fmt.Sprint(value) != "false"
	}
}
