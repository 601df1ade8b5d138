package adopt

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/config"
)

// ErrUnreachable is the error of [RulesInAWS] where AWS does not answer.
var ErrUnreachable = errors.New("AWS could not be asked")

// RulesInAWS asks AWS, with the credentials of the environment. The SDK's package for EC2 would take a minute to compile,
// for one request.
func RulesInAWS(region string) Rules {
	return func(ctx context.Context, group string) ([]Rule, error) {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		cfg, err := config.LoadDefaultConfig(ctx, config.WithRegion(region))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
		}
		var rules []Rule
		for token, more := "", true; more; more = token != "" {
			page, err := describeRules(ctx, cfg, group, token)
			if err != nil {
				return nil, fmt.Errorf("%w for the rules of %s: %w", ErrUnreachable, group, err)
			}
			for _, item := range page.Rules {
				rules = append(rules, Rule{item.ID, item.Egress, item.Protocol, item.From, item.To, item.CIDR})
			}
			token = page.Next
		}
		return rules, nil
	}
}

// described is EC2's answer.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSecurityGroupRules.html
type described struct {
	Rules []struct {
		ID       string `xml:"securityGroupRuleId"`
		Egress   bool   `xml:"isEgress"`
		Protocol string `xml:"ipProtocol"`
		From     int    `xml:"fromPort"`
		To       int    `xml:"toPort"`
		CIDR     string `xml:"cidrIpv4"`
	} `xml:"securityGroupRuleSet>item"`
	Next string `xml:"nextToken"`
}

func describeRules(ctx context.Context, cfg aws.Config, group, token string) (described, error) {
	form := url.Values{
		"Action": {"DescribeSecurityGroupRules"}, "Version": {"2016-11-15"},
		"Filter.1.Name": {"group-id"}, "Filter.1.Value.1": {group}, "MaxResults": {"1000"},
	}
	if token != "" {
		form.Set("NextToken", token)
	}
	text, err := callEC2(ctx, cfg, form.Encode())
	if err != nil {
		return described{}, err
	}
	var page described
	return page, xml.Unmarshal(text, &page)
}

// callEC2 sends one signed request.
func callEC2(ctx context.Context, cfg aws.Config, body string) ([]byte, error) {
	credentials, err := cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, errors.New("no credentials: set AWS_PROFILE, or what else the AWS CLI takes")
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, endpointOf(cfg), strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	hash := sha256.Sum256([]byte(body))
	if err := v4.NewSigner().SignHTTP(ctx, credentials, request, hex.EncodeToString(hash[:]), "ec2", cfg.Region, time.Now()); err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		var refusal struct {
			Code    string `xml:"Errors>Error>Code"`
			Message string `xml:"Errors>Error>Message"`
		}
		_ = xml.Unmarshal(text, &refusal) // without a code the status says enough
		err = fmt.Errorf("%s: %s %s", response.Status, refusal.Code, refusal.Message)
	}
	return text, err
}

// endpointOf is where EC2 answers; the variables are those of the AWS CLI.
func endpointOf(cfg aws.Config) string {
	if endpoint := os.Getenv("AWS_ENDPOINT_URL_EC2"); endpoint != "" {
		return endpoint
	}
	if cfg.BaseEndpoint != nil {
		return *cfg.BaseEndpoint
	}
	suffix := "amazonaws.com"
	if strings.HasPrefix(cfg.Region, "cn-") {
		suffix += ".cn"
	}
	return "https://ec2." + cfg.Region + "." + suffix + "/"
}
