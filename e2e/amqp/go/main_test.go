// Package e2e tests the AMQP 0-9-1 port end to end with the unmodified amqp091-go client.
package e2e

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/narumq/narumq/e2e/amqp/go/broker"
)

// url is the address of the broker that all tests but those of recovery share.
var url string

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	defer touchCacheBreaker()
	if broker.External != "" {
		url = broker.External
		return m.Run()
	}
	process, err := broker.Start()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer process.Dispose()
	url = process.URL()
	return m.Run()
}

// cacheBreaker is a file of the module that every test reads and that is made young when the run ends.
// `go test` never caches such a run; otherwise it would answer "(cached)" although the broker's
// program, which it does not look at, has changed.
const cacheBreaker = "go.mod"

func readCacheBreaker() {
	if file, err := os.Open(cacheBreaker); err == nil {
		_ = file.Close()
	}
}

func touchCacheBreaker() {
	now := time.Now()
	_ = os.Chtimes(cacheBreaker, now, now)
}
