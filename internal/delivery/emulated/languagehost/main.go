// Command languagehost is pulumi-language-go for tests, which build it under that name.
package main

import "sentry/internal/delivery/emulated/host"

func main() { host.Main() }
