package aws

import "strings"

// Expand fills a template of an entry. value is asked for what stands between braces; of a cluster's, identity
// provider's or parameter's own words it is asked for the input that they are made of.
func Expand(template string, value func(name string) string) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(template, "{")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		var name string
		name, template, _ = strings.Cut(rest, "}")
		switch name {
		case "nameOfCluster": // which is given by name or by ARN
			cluster := value("cluster")
			b.WriteString(cluster[strings.LastIndex(cluster, "/")+1:])
		case "host":
			b.WriteString(strings.TrimPrefix(value("url"), "https://"))
		case "balancer": // app/<name>/<id>, which begins the ARNs of its listeners
			_, balancer, _ := strings.Cut(value("loadBalancerArn"), ":loadbalancer/")
			b.WriteString(balancer)
		case "slashName":
			b.WriteString("/" + strings.TrimPrefix(value("name"), "/"))
		default:
			b.WriteString(value(name))
		}
	}
}

// MadeUp says whether AWS makes a part of what a template stands for up, so that nobody can tell it beforehand.
func MadeUp(template string) bool {
	return strings.Contains(template, "{hex") || strings.Contains(template, "{uuid}") || strings.Contains(template, "{defaultGroup}")
}

// ARN is the template of the type's ARN; empty where it has none of its own.
func (t Type) ARN() string {
	for output := range strings.FieldsSeq(t.Outputs) {
		if template, isARN := strings.CutPrefix(output, "arn="); isARN {
			if template == "{id}" {
				return t.ID
			}
			return template
		}
	}
	if strings.HasPrefix(t.ID, "arn:") {
		return t.ID
	}
	return ""
}
