// The broker under test: a private `narumq serve` process, or the external one a caller points at.
//
//   NARUMQ_BIN=/path/to/narumq   start it on free ports with a fresh data directory
//   NARUMQ_E2E_KAFKA=host:port    use a broker that runs already; restart tests are skipped

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { after, before } from 'node:test';

const READY_DEADLINE_MS = 60_000;

/** Address of the external broker, or undefined when the tests start their own. */
export const externalAddress = process.env.NARUMQ_E2E_KAFKA;

/** Value for a test's `skip` option: restart tests need a broker that may be killed. */
export const skipWithoutOwnBroker = externalAddress
  ? 'NOT RUN: NARUMQ_E2E_KAFKA names an external broker, which must not be killed; set NARUMQ_BIN to run it'
  : false;

/** Starts one broker for all tests of the calling file; read `address` from inside a test. */
export function sharedBroker() {
  const shared = { address: externalAddress };
  if (externalAddress) return shared;
  let broker;
  before(async () => {
    broker = await BrokerProcess.start();
    shared.address = broker.address;
  });
  after(() => broker?.dispose());
  return shared;
}

/** A `narumq serve` process that can be killed like a power cut and started again on its data. */
export class BrokerProcess {
  #binary;
  #directory;
  #kafkaPort;
  #httpPort;
  #child;
  #killOnExit = () => this.#child?.kill('SIGKILL');

  /** Starts a broker with an empty data directory and waits until it is ready. */
  static async start() {
    const broker = new BrokerProcess();
    broker.#binary = process.env.NARUMQ_BIN;
    if (!broker.#binary) {
      throw new Error('set NARUMQ_BIN to the narumq program, or NARUMQ_E2E_KAFKA to the address of a running broker');
    }
    broker.#directory = mkdtempSync(join(tmpdir(), 'narumq-e2e-kafka-node-'));
    broker.#kafkaPort = await freePort();
    broker.#httpPort = await freePort();
    process.on('exit', broker.#killOnExit);
    try {
      await broker.restart();
    } catch (error) {
      await broker.dispose();
      throw error;
    }
    return broker;
  }

  get address() {
    return `127.0.0.1:${this.#kafkaPort}`;
  }

  /** Ends the process with SIGKILL and waits until it is gone. */
  async kill() {
    const child = this.#child;
    if (!child) return;
    this.#child = undefined;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  /** Starts the process (again) on the same ports and data directory; resolves when it is ready. */
  async restart() {
    const log = openSync(join(this.#directory, 'broker.log'), 'a');
    const args = ['serve', '--data-dir', join(this.#directory, 'data')];
    args.push('--amqp', 'off', '--kafka', this.address, '--http', `127.0.0.1:${this.#httpPort}`);
    this.#child = spawn(this.#binary, args, { stdio: ['ignore', log, log] });
    closeSync(log);
    let failure;
    this.#child.once('error', (error) => (failure = error.message));
    this.#child.once('exit', (code, signal) => (failure ??= `it ended with ${code ?? signal}`));
    const deadline = Date.now() + READY_DEADLINE_MS;
    while (!(await this.#ready())) {
      if (!failure && Date.now() > deadline) failure = `it was not ready after ${READY_DEADLINE_MS} ms`;
      if (failure) throw new Error(`broker did not start: ${failure}\n${this.#log()}`);
      await delay(20);
    }
  }

  /** Ends the process and removes its data. */
  async dispose() {
    await this.kill();
    process.off('exit', this.#killOnExit);
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #ready() {
    try {
      const signal = AbortSignal.timeout(2_000);
      const response = await fetch(`http://127.0.0.1:${this.#httpPort}/readyz`, { signal });
      await response.arrayBuffer();
      return response.status === 200;
    } catch {
      return false;
    }
  }

  #log() {
    return readFileSync(join(this.#directory, 'broker.log'), 'utf8').slice(-4_000);
  }
}

// Below the range the kernel hands out for outgoing connections: while the broker is down between
// kill and restart, no client socket of this machine can be given its port.
async function freePort() {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const server = createServer();
    const free = await new Promise((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!free) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}
