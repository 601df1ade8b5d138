package aws

const (
	SecretsManagerSecret = "aws:secretsmanager/secret:Secret"
)

var secretsmanager = []Type{
	{
		Token: SecretsManagerSecret,
		Costs: []Cost{{What: "Secrets", Price: "secret"}},
	},
}
