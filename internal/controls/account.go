package controls

// wholeAccount are demands on the account as a whole. The programs register nothing for them: they are one for all that lives
// in the account, and often an organization's.
var wholeAccount = []Control{
	{
		IDs: "CloudTrail.1 CloudTrail.2 CloudTrail.4 CloudTrail.5 CloudTrail.6 CloudTrail.7 CIS-3.1 CIS-3.2 CIS-3.4 CIS-3.5 CKV_AWS_35 CKV_AWS_36 CKV_AWS_67 " +
			"CKV_AWS_251 CKV2_AWS_10 AVD-AWS-0014 AVD-AWS-0015 AVD-AWS-0016 AVD-AWS-0161 AVD-AWS-0162 AVD-AWS-0163",
		Demands: "who did what is recorded, in all regions", Status: Duty, Why: "a trail; the first copy of management events is free",
	},
	{
		IDs: "S3.22 S3.23 CIS-3.8 CIS-3.9 AVD-AWS-0171 AVD-AWS-0172", Demands: "… and who used which object", Status: Duty,
		Why: "data events of the trail for `artifacts`, `clips` and the states: $0.10 per 100,000",
	},
	{
		IDs: "CIS-4.1 CIS-4.15 AVD-AWS-0147 AVD-AWS-0148 AVD-AWS-0149 AVD-AWS-0150 AVD-AWS-0151 AVD-AWS-0152 AVD-AWS-0153 AVD-AWS-0154 AVD-AWS-0155 " +
			"AVD-AWS-0156 AVD-AWS-0157 AVD-AWS-0158 AVD-AWS-0159 AVD-AWS-0160 AVD-AWS-0174",
		Demands: "somebody hears of root, of changed policies, keys, networks", Status: Duty, Why: "alarms on the trail, or Security Hub",
	},
	{IDs: "Config.1 CIS-3.3 CKV2_AWS_45 CKV2_AWS_48 CKV_AWS_121", Demands: "configurations are recorded", Status: Duty, Why: "AWS Config: $0.003 for each change"},
	{IDs: "GuardDuty.1 CKV_AWS_238", Demands: "intruders are looked for", Status: Duty, Why: "GuardDuty, for each account"},
	{IDs: "Inspector.2", Demands: "images are scanned again when new weaknesses are known", Status: Duty, Why: "Inspector; the scan at the push is there (ECR.1)"},
	{IDs: "Macie.1 Macie.2 CIS-2.1.3", Demands: "personal data is looked for", Status: Duty, Why: "Macie's role has to stand in `sentry:objectRoles`"},
	{IDs: "IAM.28 CIS-1.20", Demands: "what is open to others is found", Status: Duty, Why: "IAM Access Analyzer, free for outside access"},
	{
		IDs: "S3.1 CIS-2.1.4", Demands: "no bucket of the account is public", Status: Duty,
		Why: "the account's block, once no stack has a public site (S3.2)",
	},
	{
		IDs: "IAM.3 IAM.4 IAM.5 IAM.6 IAM.7 IAM.8 IAM.9 CIS-1.4 CIS-1.5 CIS-1.6 CIS-1.8 CIS-1.10 CIS-1.14 CKV_AWS_40 CKV_AWS_273 AVD-AWS-0056 AVD-AWS-0123 AVD-AWS-0140 " +
			"AVD-AWS-0141 AVD-AWS-0142 AVD-AWS-0143 AVD-AWS-0144 AVD-AWS-0145 AVD-AWS-0146 AVD-AWS-0165 AVD-AWS-0166 AVD-AWS-0167 AVD-AWS-0168 AVD-AWS-0169",
		Demands: "people: second factors, no root, no old keys", Status: Duty, Why: "IAM Identity Center; the programs make no users and no keys",
	},
	{IDs: "EC2.7 EC2.182 CIS-2.2.1 AVD-AWS-0026", Demands: "disks are encrypted, snapshots not public", Status: Duty, Why: "settings of the region; the programs make no disks"},
	{IDs: "SSM.6 SSM.7", Demands: "automation is logged, documents are not public", Status: Duty, Why: "settings of Systems Manager"},
	{
		IDs: "Route53.2 CKV2_AWS_38 CKV2_AWS_39", Demands: "the hosted zone signs its answers and logs questions", Status: Duty,
		Why: "the zone of `sentry:https.domain` is the team's; the stack adds records only",
	},
	{
		IDs: "own", Demands: "environments are apart in everything", Status: Duty,
		Why: "accounts of their own: docs/bootstrap.md says what one account cannot separate",
	},
}

// repository are demands on the repository and its workflows.
var repository = []Control{
	{
		IDs: "CKV_GHA_1 CKV_GHA_2 CKV_GHA_3 CKV_GHA_4 CKV_GHA_5 CKV_GHA_6 CKV2_GHA_1", Demands: "workflows have few rights, and paste nothing into scripts",
		Status: Project, Why: "internal/delivery TestRights",
	},
	{
		IDs: "CKV_GHA_7", Demands: "no inputs of those who start a workflow", Status: Accepted,
		Why: "C2: any branch, infrastructure or not; they reach scripts through the environment only (F5)",
	},
	{IDs: "Pinned-Dependencies", Demands: "actions are pinned by commit", Status: Project, Why: "internal/delivery TestRules"},
	{IDs: "Dependency-Update-Tool", Demands: "updates of modules and actions arrive by themselves", Status: Project, Why: "`.github/dependabot.yml`"},
	{IDs: "Security-Policy", Demands: "weaknesses can be reported", Status: Project, Why: "`SECURITY.md`"},
	{IDs: "Vulnerabilities", Demands: "known weaknesses of modules are found", Status: Project, Why: "`.github/workflows/vulnerabilities.yml`, every day"},
	{IDs: "Code-Review", Demands: "what decides over access is reviewed by its owners", Status: Project, Why: "`.github/CODEOWNERS`, and the protection of main that bootstrap prints"},
}
