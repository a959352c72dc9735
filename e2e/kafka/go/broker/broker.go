// Package broker gives the tests the broker they run against: a private `narumq serve` process, or
// the external one a caller points at.
//
//	NARUMQ_BIN=/path/to/narumq  start it on free ports with a fresh data directory
//	NARUMQ_E2E_KAFKA=host:port  use a broker that runs already; restart tests are skipped
package broker

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

const readyDeadline = 60 * time.Second

// External is the address of the broker that runs already, or "" when the tests start their own.
var External = os.Getenv("NARUMQ_E2E_KAFKA")

// Process is a `narumq serve` that can be killed like a power cut and started again on its data.
type Process struct {
	binary    string
	directory string
	kafkaPort int
	httpPort  int
	command   *exec.Cmd
	ended     chan error // receives the result of Wait, then is closed
}

// Start starts a broker with an empty data directory and waits until it is ready.
func Start() (*Process, error) {
	binary := os.Getenv("NARUMQ_BIN")
	if binary == "" {
		return nil, errors.New("set NARUMQ_BIN to the narumq program, or NARUMQ_E2E_KAFKA to the address of a running broker")
	}
	directory, err := os.MkdirTemp("", "narumq-e2e-kafka-go-")
	if err != nil {
		return nil, err
	}
	process := &Process{binary: binary, directory: directory, kafkaPort: freePort(), httpPort: freePort()}
	if err := process.Restart(); err != nil {
		process.Dispose()
		return nil, err
	}
	return process, nil
}

// Address is what clients call bootstrap servers, or seed brokers.
func (p *Process) Address() string {
	return fmt.Sprintf("127.0.0.1:%d", p.kafkaPort)
}

// Kill ends the process with SIGKILL and waits until it is gone.
func (p *Process) Kill() {
	if p.command == nil {
		return
	}
	_ = p.command.Process.Kill() // the only error is that it has ended already
	<-p.ended
	p.command = nil
}

// Restart starts the process (again) on the same ports and data directory and waits until it is ready.
func (p *Process) Restart() error {
	log, err := os.OpenFile(p.logPath(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	command := exec.Command(p.binary, "serve", "--data-dir", filepath.Join(p.directory, "data"),
		"--amqp", "off", "--kafka", p.Address(), "--http", fmt.Sprintf("127.0.0.1:%d", p.httpPort))
	command.Stdout, command.Stderr = log, log
	if err := command.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() {
		ended <- command.Wait()
		close(ended)
	}()
	p.command, p.ended = command, ended
	return p.awaitReady()
}

// Dispose ends the process and removes its data.
func (p *Process) Dispose() {
	p.Kill()
	_ = os.RemoveAll(p.directory)
}

func (p *Process) awaitReady() error {
	client := http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	late := time.After(readyDeadline)
	for {
		response, err := client.Get(fmt.Sprintf("http://127.0.0.1:%d/readyz", p.httpPort))
		if err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-poll.C:
		case err := <-p.ended:
			return fmt.Errorf("broker did not start: it ended (%v)\n%s", err, p.logTail())
		case <-late:
			return fmt.Errorf("broker did not start: not ready after %v\n%s", readyDeadline, p.logTail())
		}
	}
}

func (p *Process) logPath() string {
	return filepath.Join(p.directory, "broker.log")
}

func (p *Process) logTail() string {
	text, _ := os.ReadFile(p.logPath())
	return string(text[max(0, len(text)-4000):])
}

// freePort looks below the range the kernel hands out for outgoing connections: while the broker is
// down between kill and restart, no client socket of this machine can be given its port.
func freePort() int {
	for {
		port := 20_000 + rand.IntN(12_000)
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			_ = listener.Close()
			return port
		}
	}
}
