package aws

// Tokens of the types.
const (
	SecretsManagerSecret = "aws:secretsmanager/secret:Secret"
)

var secretsmanager = []Type{
	{
		Token: SecretsManagerSecret,
		Costs: []Cost{{What: "Secrets", Price: "secret"}},
	},
}
