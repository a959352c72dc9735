// Package e2e holds end-to-end tests of the Kafka port with unmodified Go clients: franz-go, and sarama of two ages.
package e2e

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/narumq/narumq/e2e/kafka/go/broker"
)

// address is that of the broker which all tests but those of recovery share.
var address string

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	defer touchCacheBreaker()
	if broker.External != "" {
		address = broker.External
		return m.Run()
	}
	process, err := broker.Start()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer process.Dispose()
	address = process.Address()
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
