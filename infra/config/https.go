package config

import "regexp"

// HTTPS puts site and API behind one distribution (G1, G2).
type HTTPS struct {
	// Domain, when set, is the address, and ZoneID the hosted zone that it stands in.
	Domain, ZoneID string
	// KeepAPIPrefix is whether the backend gets the paths of the API with /api in front, as browsers send them.
	KeepAPIPrefix bool
	// DeletionProtection keeps the load balancer until it is taken away.
	DeletionProtection bool
}

// maxCommonName is the longest domain that a certificate can have, in characters.
// https://docs.aws.amazon.com/acm/latest/APIReference/API_RequestCertificate.html
const maxCommonName = 64

var (
	domainForm = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}$`)
	zoneForm   = regexp.MustCompile(`^Z[A-Z0-9]{3,31}$`)
)

// readHTTPS is nil while the key is not set, or false.
func readHTTPS(s *section, network Network) *HTTPS {
	fields, word := s.objectOr("https", true, false)
	https := &HTTPS{
		Domain:             fields.text("domain"),
		ZoneID:             fields.text("zoneId"),
		KeepAPIPrefix:      fields.boolean("keepApiPrefix"),
		DeletionProtection: fields.boolean("deletionProtection"),
	}
	if https.Domain != "" && (!domainForm.MatchString(https.Domain) || len(https.Domain) > maxCommonName) {
		fields.refuse("domain", "%q is not a domain; allowed: up to %d characters, such as app.example.com", https.Domain, maxCommonName)
	}
	if https.ZoneID != "" && !zoneForm.MatchString(https.ZoneID) {
		fields.refuse("zoneId", "%q is not the id of a hosted zone; allowed: the id that Route 53 shows, such as Z0123456789ABCDEFGHIJ", https.ZoneID)
	}
	if https.Domain != "" && https.ZoneID == "" {
		fields.refuse("zoneId", "not set; set it to the id of the hosted zone that %s stands in", https.Domain)
	}
	if https.Domain == "" && https.ZoneID != "" {
		fields.refuse("domain", "not set; set it to the address in the hosted zone %s", https.ZoneID)
	}
	fields.refuseRest()
	if s.value("https") == nil || word == false {
		return nil
	}
	if network.CIDR.Bits() > SubnetBits-2 {
		s.refuse("vpcCidr", "%s holds two subnets, and with %shttps there are four; allowed: /%d or larger", network.CIDR, s.path, SubnetBits-2)
	}
	return https
}
