package adopt

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"sentry/internal/sandbox"
)

// ImportFile is what `pulumi import --file` reads.
// https://www.pulumi.com/docs/iac/guides/migration/import/#bulk-import-operations
type ImportFile struct {
	// NameTable are the URNs of what is referred to, and is not among the resources.
	NameTable map[string]string `json:"nameTable"`
	// ProviderInputs configure providers that the state does not have yet.
	ProviderInputs map[string]map[string]any `json:"providerInputs"`
	Resources      []ImportResource          `json:"resources"`
}

// ImportResource is one resource to import, or one component that others are below of.
type ImportResource struct {
	Type string `json:"type"`
	// Name is unique in the file, LogicalName is the program's.
	Name        string `json:"name"`
	LogicalName string `json:"logicalName"`
	ID          string `json:"id,omitempty"`
	Parent      string `json:"parent,omitempty"`
	Provider    string `json:"provider,omitempty"`
	Version     string `json:"version,omitempty"`
	Component   bool   `json:"component,omitempty"`
}

// ImportFile has the imported resources, the components above them, and the provider: the state is then the one that an
// update would have left, and the next update creates none of them again.
func (p *Plan) ImportFile() ImportFile {
	file := ImportFile{NameTable: map[string]string{}, ProviderInputs: map[string]map[string]any{}}
	byURN := map[string]sandbox.Resource{}
	for _, r := range p.recording.Resources {
		byURN[r.URN] = r
	}
	ids := map[string]string{}
	var wanted []string
	for _, row := range p.Rows {
		if row.Verdict != Imported || row.ID == "" || row.Moved {
			continue
		}
		ids[row.made.URN] = row.ID
		for urn := row.made.URN; byURN[urn].URN != "" && !slices.Contains(wanted, urn); urn = byURN[urn].Parent {
			wanted = append(wanted, urn)
		}
	}
	slices.SortFunc(wanted, func(a, b string) int { return strings.Compare(chain(a), chain(b)) })
	for _, urn := range wanted {
		made := byURN[urn]
		entry := ImportResource{
			Type: made.Type, Name: entryName(urn), LogicalName: made.Name, ID: ids[urn], Version: made.Version,
			// A remote component, too: the engine keeps no provider of it.
			Component: !made.Custom,
		}
		if byURN[made.Parent].URN != "" {
			entry.Parent = entryName(made.Parent)
		}
		if i := strings.LastIndex(made.Provider, resource.URNNameDelimiter); made.Custom && i > 0 {
			entry.Provider = p.provider(&file, byURN[made.Provider[:i]])
		}
		file.Resources = append(file.Resources, entry)
	}
	return file
}

// provider adds an explicit provider to the file, and returns its name there.
func (p *Plan) provider(file *ImportFile, provider sandbox.Resource) string {
	file.NameTable[provider.Name] = provider.URN
	inputs, _ := p.fromSandbox(plain(provider.Inputs.Mappable())).(map[string]any)
	file.ProviderInputs[provider.Name] = inputs
	return provider.Name
}

// fromSandbox is a value of the recording in terms of the state's account.
func (p *Plan) fromSandbox(value any) any {
	text, err := json.Marshal(value)
	if err != nil || p.account == "" {
		return value
	}
	var translated any
	if err := json.Unmarshal([]byte(strings.ReplaceAll(string(text), sandbox.AccountID, p.account)), &translated); err != nil {
		return value
	}
	return translated
}

// entryName is unique: types and names below one parent are not.
func entryName(urn string) string {
	u := resource.URN(urn)
	return string(u.Type()) + " " + u.Name()
}

// chain sorts parents before what is below of them.
func chain(urn string) string {
	u := resource.URN(urn)
	return string(u.QualifiedType()) + " " + u.Name()
}

// JSON is the file's text.
func (f ImportFile) JSON() ([]byte, error) {
	text, err := json.MarshalIndent(f, "", "  ")
	return append(text, '\n'), err
}
