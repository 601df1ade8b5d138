package aws

// Tokens of the types.
const (
	ECRRepository       = "aws:ecr/repository:Repository"
	ECRRepositoryPolicy = "aws:ecr/repositoryPolicy:RepositoryPolicy"
	ECRLifecyclePolicy  = "aws:ecr/lifecyclePolicy:LifecyclePolicy"
)

var ecr = []Type{
	{
		Token: ECRRepository, Noun: "ECR Repository", ID: "{name}", Name: "name",
		Outputs: "arn=arn:aws:ecr:{region}:{account}:repository/{name} registryId={account} " +
			"repositoryUrl={account}.dkr.ecr.{region}.amazonaws.com/{name} forceDelete=false",
		Taken: "RepositoryAlreadyExistsException: The repository with name '{name}' already exists in the " +
			"registry with id '{account}'",
		Missing: "RepositoryNotFoundException: The repository with name '%s' does not exist in the registry with " +
			"id '{account}'",
		Owned: []string{"repository/{prefix}-backend"},
		Calls: Calls{
			Create: "ecr:CreateRepository ecr:TagResource",
			Read:   "ecr:DescribeRepositories ecr:ListTagsForResource",
			Update: "ecr:PutImageScanningConfiguration ecr:PutImageTagMutability ecr:TagResource ecr:UntagResource",
			Delete: "ecr:DeleteRepository",
		},
		Costs: []Cost{{What: "Images in ECR", Price: "ecr-storage", Usage: "{purpose}-images-gb"}},
		Drawn: "images",
	},
	{
		Token: ECRRepositoryPolicy, Noun: "ECR Repository Policy", ID: "{repository}",
		Outputs: "registryId={account}",
		Refs:    []Ref{{Path: "repository", To: ECRRepository, Part: true}},
		Owned:   []string{"repository/{prefix}-backend"},
		Calls: Calls{
			Create: "ecr:SetRepositoryPolicy",
			Read:   "ecr:GetRepositoryPolicy",
			Update: "ecr:SetRepositoryPolicy",
			Delete: "ecr:DeleteRepositoryPolicy",
		},
		Free: "a setting of the repository",
		Into: ECRRepository,
	},
	{
		Token: ECRLifecyclePolicy, Noun: "ECR Lifecycle Policy", ID: "{repository}",
		Outputs: "registryId={account}",
		Refs:    []Ref{{Path: "repository", To: ECRRepository, Part: true}},
		Owned:   []string{"repository/{prefix}-backend"},
		Calls: Calls{
			Create: "ecr:PutLifecyclePolicy",
			Read:   "ecr:GetLifecyclePolicy",
			Update: "ecr:PutLifecyclePolicy",
			Delete: "ecr:DeleteLifecyclePolicy",
		},
		Free: "a setting of the repository; basic scanning has no price either",
		Into: ECRRepository,
	},
}
