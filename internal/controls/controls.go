// Package controls is the table of the security controls that AWS environments are measured by: what each demands,
// whether it is met, and the assertion that proves it over what a program registers. docs/security-controls.md is made of
// it, and its tests run every assertion over every resource of infra/, of bootstrap/ and of the examples.
//
// The ids are those of AWS Foundational Security Best Practices (S3.2), of CIS AWS Foundations 3.0 (CIS-2.1.4), of
// Checkov (CKV_AWS_18) and of Trivy (AVD-AWS-0089):
// https://docs.aws.amazon.com/securityhub/latest/userguide/fsbp-standard.html
// https://github.com/bridgecrewio/checkov/blob/main/docs/5.Policy%20Index/terraform.md
// https://github.com/aquasecurity/trivy-checks/tree/main/checks/cloud/aws
package controls

// Status is how a control stands.
type Status int

const (
	// Met holds for each resource, whatever a stack file switches on.
	Met Status = iota
	// ByKey holds once a key is set.
	ByKey
	// Accepted does not hold; Why is the reason, and what the remedy costs.
	Accepted
	// Duty is the account's or the team's: nothing that the programs register decides it. Why says what to do.
	Duty
	// Project is met by the repository itself; Why names the test.
	Project
)

// String is the word of the document.
func (s Status) String() string {
	return [...]string{"met", "met by key", "accepted", "the account's", "met"}[s]
}

// Control is one demand on the resources of some types.
type Control struct {
	// IDs are separated by spaces; own stands for one of this project's.
	IDs     string
	Demands string
	Status  Status
	// Why is how it is met, or why not.
	Why string
	// Key is what meets it, as one writes it, and With the same as configuration, by full key.
	Key  string
	With map[string]string
	// Types are the tokens of the resources it is about: of those whose logical names have one of the ends in Only, if
	// there are any, and none of those in Not.
	Types     []string
	Only, Not string
	// Holds is the assertion.
	Holds func(r look) bool
}

// Section is a chapter of the document.
type Section struct {
	Title    string
	Controls []Control
}

// Table is all of them.
func Table() []Section {
	return []Section{
		{"Buckets", buckets},
		{"Tasks and images", tasks},
		{"Network", network},
		{"Roles, trust and keys", identity},
		{"Load balancer and distribution", edge},
		{"Logs, alarms and parameters", monitoring},
		{"What the examples add", data},
		{"The account", wholeAccount},
		{"The repository", repository},
	}
}
