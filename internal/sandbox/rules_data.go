package sandbox

import (
	"errors"
	"fmt"

	"sentry/internal/aws"
)

// checkInstance: https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html
func checkInstance(c *call) error {
	if password := c.in.str("password"); password != "" && len(password) < 8 {
		return errors.New("InvalidParameterValue: The parameter MasterUserPassword is not a valid password because it is shorter than 8 characters.")
	}
	if c.in.yes("publiclyAccessible") && c.in.has("dbSubnetGroupName") {
		return errors.New("InvalidVPCNetworkStateFault: the sandbox's subnets of databases have no way to the internet")
	}
	return nil
}

// removeInstance: a final snapshot is taken, unless it is to be left out.
func removeInstance(c *call) error {
	if c.out.yes("deletionProtection") {
		return errors.New("InvalidParameterCombination: Cannot delete protected DB Instance, please disable deletion protection and try again.")
	}
	if !c.out.yes("skipFinalSnapshot") && c.out.str("finalSnapshotIdentifier") == "" {
		return errors.New("final_snapshot_identifier is required when skip_final_snapshot is false")
	}
	return nil
}

// applySubnetGroup: databases have two zones to be in, whether they use them or not.
func applySubnetGroup(c *call) error {
	zones := map[string]bool{}
	for _, id := range c.in.strings("subnetIds") {
		zones[c.find(aws.EC2Subnet, id).Props.str("availabilityZone")] = true
	}
	if len(zones) < 2 {
		return errors.New("DBSubnetGroupDoesNotCoverEnoughAZs: The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement. " +
			"Current AZ coverage is less than 2.")
	}
	return nil
}

// checkReplicationGroup: https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_CreateReplicationGroup.html
func checkReplicationGroup(c *call) error {
	if token := c.in.str("authToken"); token != "" {
		if !c.in.yes("transitEncryptionEnabled") {
			return errors.New("InvalidParameterCombination: The AUTH token is only supported when encryption-in-transit is enabled.")
		}
		if len(token) < 16 || len(token) > 128 {
			return fmt.Errorf("expected length of auth_token to be in the range (16 - 128), got %d characters", len(token))
		}
	}
	nodes, known := c.in.num("numCacheClusters")
	if known && nodes < 2 && (c.in.yes("automaticFailoverEnabled") || c.in.yes("multiAzEnabled")) {
		return errors.New("\"num_cache_clusters\": must be at least 2 if automatic_failover_enabled is true")
	}
	if c.in.yes("multiAzEnabled") && !c.in.yes("automaticFailoverEnabled") {
		return errors.New("automatic_failover_enabled must be true if multi_az_enabled is true")
	}
	return nil
}
