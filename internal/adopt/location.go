package adopt

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// patience is how long AWS may take to answer.
const patience = 30 * time.Second

// Load reads the state at a location: a file, s3://<bucket>/<key>, or - for the standard input.
func Load(ctx context.Context, location string) (State, error) {
	text, err := fetch(ctx, location)
	if err != nil {
		return State{}, fmt.Errorf("--state %s: %w", location, err)
	}
	state, err := Read(text)
	if err != nil {
		return State{}, fmt.Errorf("--state %s: %w", location, err)
	}
	return state, nil
}

func fetch(ctx context.Context, location string) ([]byte, error) {
	if object, isS3 := strings.CutPrefix(location, "s3://"); isS3 {
		return fetchObject(ctx, object)
	}
	if location == "-" {
		return readAll(os.Stdin)
	}
	file, err := os.Open(location)
	if errors.Is(err, os.ErrNotExist) {
		return nil, errors.New("no such file; allowed: a file, s3://<bucket>/<key>, or - for the standard input")
	}
	if err != nil {
		return nil, errors.Unwrap(err)
	}
	defer file.Close()
	return readAll(file)
}

func fetchObject(ctx context.Context, object string) ([]byte, error) {
	bucket, key, _ := strings.Cut(object, "/")
	if bucket == "" || key == "" {
		return nil, errors.New("allowed: s3://<bucket>/<key>, as the backend of the Terraform project names them")
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, fmt.Errorf("find credentials: %w", err)
	}
	if cfg.Region == "" {
		return nil, errors.New("no region is set: set AWS_REGION to the bucket's")
	}
	client := s3.NewFromConfig(cfg, func(o *s3.Options) {
		o.UsePathStyle = cfg.BaseEndpoint != nil
		o.DisableLogOutputChecksumValidationSkipped = true // Terraform's states have no checksum, which is nothing to tell
	})
	answer, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(bucket), Key: aws.String(key)})
	if err != nil {
		return nil, fmt.Errorf("fetch the object: %w", err)
	}
	defer answer.Body.Close()
	return readAll(answer.Body)
}
