package sandbox

import (
	"slices"

	"go.yaml.in/yaml/v3"

	"sentry/internal/aws"
	"sentry/internal/project"
)

// adopted is what a stack file says was there before the program: the sandbox's account has it, too.
type adopted struct {
	Image        string   `yaml:"image"`
	TargetGroups []string `yaml:"targetGroups"`
}

// stage puts into the account what the value of a stack's key adopted refers to.
func (c *Cloud) stage(value any) {
	text, err := project.Text(value)
	if err != nil {
		return // the program refuses what is no configuration
	}
	var there adopted
	if yaml.Unmarshal([]byte(text), &there) != nil {
		return
	}
	c.mu.Lock()
	if image := accountForm.ReplaceAllString(there.Image, AccountID); image != "" && !slices.Contains(c.images, image) {
		c.images = append(c.images, image)
	}
	known := slices.Clone(c.objects)
	c.mu.Unlock()
	for _, arn := range there.TargetGroups {
		arn = accountForm.ReplaceAllString(arn, AccountID)
		if !slices.ContainsFunc(known, func(o *Object) bool { return o.Type == aws.LBTargetGroup && o.ID == arn }) {
			c.Put(aws.LBTargetGroup, arn, map[string]any{"arn": arn, "targetType": "ip"})
			c.Put(aws.LBListener, arn+"/listener", map[string]any{"defaultActions": []any{map[string]any{"targetGroupArn": arn}}})
		}
	}
}
