package aws

// Tokens of the types.
const (
	KMSKey   = "aws:kms/key:Key"
	KMSAlias = "aws:kms/alias:Alias"
)

var kms = []Type{
	{
		Token: KMSKey, Noun: "KMS Key", ID: "{uuid}",
		Outputs: "keyId={id} arn=arn:aws:kms:{region}:{account}:key/{id} multiRegion=false",
		Missing: "NotFoundException: Key '%s' does not exist",
		Costs: []Cost{
			{What: "KMS keys", Price: "kms-key"},
			{What: "KMS requests", Price: "kms-requests", Usage: "kms-requests"},
		},
	},
	{
		Token: KMSAlias, Noun: "KMS Alias", ID: "{name}", Name: "name",
		Outputs: "arn=arn:aws:kms:{region}:{account}:{name} namePrefix=empty",
		Taken:   "AlreadyExistsException: An alias with the name arn:aws:kms:{region}:{account}:{name} already exists",
		Refs:    []Ref{{Path: "targetKeyId", To: KMSKey, Part: true}},
		Free:    "a name of the key",
	},
}
