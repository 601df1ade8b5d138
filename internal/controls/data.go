package controls

import "sentry/internal/aws"

var (
	databases = []string{aws.RDSInstance}
	caches    = []string{aws.ElastiCacheReplicationGroup}
)

func days(l look, key string) float64 {
	value, _ := l.at(key).(float64)
	return value
}

// data are demands on what examples/ adds.
var data = []Control{
	{
		IDs: "RDS.2 CKV_AWS_17 AVD-AWS-0180", Demands: "the database is not public", Types: []string{aws.RDSInstance, aws.RDSSubnetGroup},
		Why: "subnets of its own without a way to the internet",
		Holds: func(l look) bool {
			return l.r.Type == aws.RDSSubnetGroup || l.is("publiclyAccessible", false) && l.text("dbSubnetGroupName") != ""
		},
	},
	{
		IDs: "RDS.3 CKV_AWS_16 AVD-AWS-0080", Demands: "… and encrypted at rest", Types: databases, Why: "AWS's own key",
		Holds: func(l look) bool { return l.is("storageEncrypted", true) },
	},
	{
		IDs: "RDS.11 CKV_AWS_133 AVD-AWS-0077", Demands: "… and backed up", Types: databases, Why: "a week, to the second",
		Holds: func(l look) bool { return days(l, "backupRetentionPeriod") >= 7 },
	},
	{
		IDs: "RDS.13 RDS.17 RDS.25 CKV_AWS_226 CKV_AWS_250 CKV2_AWS_60", Demands: "it takes small upgrades, tags its snapshots, and has no usual administrator",
		Types: databases, Why: "AWS's default, and said",
		Holds: func(l look) bool {
			return l.at("autoMinorVersionUpgrade") != false && l.is("copyTagsToSnapshot", true) && l.text("username") != "postgres" && l.text("username") != "admin"
		},
	},
	{
		IDs: "RDS.5 CKV_AWS_157", Demands: "a second instance stands by", Types: databases, Status: ByKey, Why: "twice the price", Key: "`database:multiAz`",
		With: map[string]string{"database:multiAz": "true"}, Holds: func(l look) bool { return l.is("multiAz", true) },
	},
	{
		IDs: "RDS.8 CKV_AWS_293 AVD-AWS-0177 AVD-AWS-0343", Demands: "it cannot be deleted by accident", Types: databases, Status: ByKey,
		Why: "as with all that holds data", Key: "`sentry:protect`", With: map[string]string{"sentry:protect": "true"},
		Holds: func(l look) bool { return l.is("deletionProtection", true, "skipFinalSnapshot", false) && l.r.Protect },
	},
	{
		IDs: "RDS.10 CKV_AWS_161 AVD-AWS-0176", Demands: "it takes IAM's tokens", Types: databases, Status: Accepted,
		Why:   "the backend would have to ask for one every 15 minutes; its password is a secret of its environment",
		Holds: func(l look) bool { return l.is("iamDatabaseAuthenticationEnabled", true) },
	},
	{
		IDs: "RDS.6 CKV_AWS_118 CKV_AWS_353 CKV_AWS_354 AVD-AWS-0078 AVD-AWS-0133", Demands: "it is watched closely", Types: databases, Status: Accepted,
		Why: "CloudWatch has CPU, memory and connections for nothing; enhanced metrics are paid as log lines, and Performance Insights keeps the statements",
		Holds: func(l look) bool {
			return days(l, "monitoringInterval") > 0 && l.is("performanceInsightsEnabled", true)
		},
	},
	{
		IDs: "RDS.9 CKV_AWS_129 CKV2_AWS_30", Demands: "its statements are logged", Types: databases, Status: Accepted,
		Why: "they hold data of the users; $0.50 for each GB", Holds: func(l look) bool { return l.at("enabledCloudwatchLogsExports", 0) != nil },
	},
	{
		IDs: "RDS.23 CKV2_AWS_69", Demands: "another port than the usual, and a parameter that says TLS", Types: databases, Status: Accepted,
		Why:   "the security group lets in the tasks only, at any port; Postgres 15 and newer refuse connections without TLS by AWS's default",
		Holds: func(l look) bool { return days(l, "port") != 5432 && l.text("parameterGroupName") != "" },
	},
	{
		IDs: "ElastiCache.4 ElastiCache.5 ElastiCache.6 CKV_AWS_29 CKV_AWS_30 CKV_AWS_31 AVD-AWS-0045 AVD-AWS-0051", Demands: "the cache is encrypted, and asks for a password",
		Types: caches, Why: "at rest, with TLS, and no connection without",
		Holds: func(l look) bool {
			return l.is("atRestEncryptionEnabled", true, "transitEncryptionEnabled", true, "transitEncryptionMode", "required") && l.at("authToken") != nil
		},
	},
	{
		IDs: "ElastiCache.2 ElastiCache.7 CKV_AWS_322 CKV_AWS_323 AVD-AWS-0049", Demands: "it stands in subnets of its own, and takes small upgrades",
		Types: []string{aws.ElastiCacheReplicationGroup, aws.ElastiCacheSubnetGroup}, Why: "without a way to the internet",
		Holds: func(l look) bool {
			return l.r.Type == aws.ElastiCacheSubnetGroup ||
				l.text("subnetGroupName") != "" && l.text("description") != "" && l.at("autoMinorVersionUpgrade") != false
		},
	},
	{
		IDs: "ElastiCache.3 CKV2_AWS_50", Demands: "a second node takes over", Types: caches, Status: ByKey, Why: "twice the price", Key: "`cache:nodes: 2`",
		With: map[string]string{"cache:nodes": "2"}, Holds: func(l look) bool { return l.is("automaticFailoverEnabled", true, "multiAzEnabled", true) },
	},
	{
		IDs: "ElastiCache.1 CKV_AWS_134 AVD-AWS-0050", Demands: "it is backed up", Types: caches, Status: Accepted,
		Why: "it is a cache: what is in it may go", Holds: func(l look) bool { return days(l, "snapshotRetentionLimit") > 0 },
	},
	{
		IDs: "CKV_AWS_191", Demands: "… and encrypted with a key of one's own", Types: caches, Status: Accepted,
		Why: "a cache of what a database has; $1 a month", Holds: func(l look) bool { return l.text("kmsKeyId") != "" },
	},
}
