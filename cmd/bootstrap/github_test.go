package main

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sentry/bootstrap/account"
)

// answers is a GitHub with one repository, whose tokens' subjects are as it says.
func answers(subject string) gitHub {
	return func(_ context.Context, path string) ([]byte, error) {
		switch path {
		case "repos/Octo-Org/sentry":
			return []byte(`{"id":456789,"full_name":"octo-org/sentry","owner":{"login":"octo-org","id":123456},"private":true}`), nil
		case "repos/Octo-Org/sentry/actions/oidc/customization/sub":
			if subject == "" {
				return nil, errors.New("HTTP 403")
			}
			return []byte(subject), nil
		}
		return nil, errors.New("HTTP 404")
	}
}

func TestTheRepositoryIsAskedOfGitHub(t *testing.T) {
	immutable := account.Repository{Name: "octo-org/sentry", ID: "456789", OwnerID: "123456"}
	older := account.Repository{Name: "octo-org/sentry", ID: "456789"}
	for subject, want := range map[string]account.Repository{
		`{"use_default":true,"use_immutable_subject":true,"sub_claim_prefix":"repo:octo-org@123456/sentry@456789"}`: immutable,
		// Seen: the prefix is what the tokens have.
		`{"use_default":true,"use_immutable_subject":false,"sub_claim_prefix":"repo:octo-org@123456/sentry@456789"}`: immutable,
		`{"use_default":true,"use_immutable_subject":true}`:                                                          immutable,
		`{"use_default":true,"use_immutable_subject":false,"sub_claim_prefix":"repo:octo-org/sentry"}`:               older,
		`{"use_default":true}`: older,
	} {
		got, err := answers(subject).repository(t.Context(), "Octo-Org/sentry")
		require.NoError(t, err)
		assert.Equal(t, want, got, subject)
	}
	for subject, want := range map[string]string{
		"":  "HTTP 403",
		"x": "read GitHub's answer to repos/Octo-Org/sentry/actions/oidc/customization/sub: invalid character 'x'",
		`{"use_default":false,"include_claim_keys":["repo","context"]}`: "the subjects of Octo-Org/sentry's tokens are customized",
		`{"use_default":true,"sub_claim_prefix":"repo:another/sentry"}`: `the subjects of Octo-Org/sentry's tokens begin with ` +
			`"repo:another/sentry"; allowed: repo:octo-org@123456/sentry@456789 or repo:octo-org/sentry`,
	} {
		_, err := answers(subject).repository(t.Context(), "Octo-Org/sentry")
		assert.ErrorContains(t, err, want)
	}
}
