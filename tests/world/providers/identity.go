package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"
)

// What a provider shows with every call: a text that it was given, or what the library of the real one makes.
type identity struct {
	given   string
	library oauth2.TokenSource
}

// The scopes of the real provider.
var googleScopes = []string{
	"https://www.googleapis.com/auth/cloud-platform", "https://www.googleapis.com/auth/userinfo.email",
}

// found looks where the real provider looks when nothing names a credential; nil if there is nothing.
func (c *credentials) found(ctx context.Context) (*identity, string, error) {
	if c.Metadata == "" || os.Getenv(c.Metadata) == "" {
		return nil, "", nil
	}
	// It looks at a file and at the home before.
	credentials, err := google.FindDefaultCredentials(ctx, googleScopes...)
	if err != nil {
		return nil, "", err
	}
	return &identity{library: credentials.TokenSource}, "metadata server", nil
}

// token is one that is good for a while yet; the library asks for another where the last one is not.
func (i *identity) token() (string, error) {
	if i.library == nil {
		return i.given, nil
	}
	token, err := i.library.Token()
	if err != nil {
		return "", err
	}
	return token.AccessToken, nil
}

// admitted is whether the cloud takes the token of a call: one of those that the test names, and one that the issuer vouches for
// where the test has an issuer.
func (i *identity) admitted(told *control) (bool, error) {
	token, err := i.token()
	if err != nil {
		return false, err
	}
	if len(told.Tokens) > 0 && !slices.Contains(told.Tokens, token) {
		return false, nil
	}
	if told.Issuer == "" {
		return true, nil
	}
	request, err := http.NewRequest(http.MethodGet, told.Issuer, http.NoBody)
	if err != nil {
		return false, err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return false, fmt.Errorf("the issuer is not there: %w", err)
	}
	defer answer.Body.Close()
	return answer.StatusCode == http.StatusOK, nil
}
