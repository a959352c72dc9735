package narumq.e2e;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;

/**
 * A private {@code narumq serve} process that can be killed like a power cut and started again on its data.
 *
 * <p>{@code NARUMQ_BIN} names the program. With {@code NARUMQ_E2E_KAFKA} set instead, the tests use the broker at
 * that address and those that need to kill it are skipped.
 */
final class BrokerProcess implements AutoCloseable {
    /** Address of the broker that runs already, or null when the tests start their own. */
    static final String EXTERNAL = System.getenv("NARUMQ_E2E_KAFKA");

    /** Whether the process is Apache Kafka behind our command line, to see that the tests are right. */
    static final boolean IS_ORACLE = "kafka41".equals(System.getenv("NARUMQ_E2E_KIND"));

    private static final Duration READY_DEADLINE = Duration.ofSeconds(60);
    private static BrokerProcess shared;
    private static Exception sharedFailure; // of the first start: the other tests need not wait for it again

    private final HttpClient http = HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(2)).build();
    private final String binary;
    private final Path directory;
    private final List<String> arguments;
    private final int kafkaPort = freePort();
    private final int httpPort = freePort();
    private final Thread endWithTheTests = new Thread(this::kill);
    private Process process;

    private BrokerProcess(String binary, Path directory, List<String> arguments) {
        this.binary = binary;
        this.directory = directory;
        this.arguments = arguments;
    }

    /** The address all tests share that do not kill their broker; it is started when first asked for. */
    static synchronized String sharedBootstrap() throws Exception {
        if (EXTERNAL != null) {
            return EXTERNAL;
        }
        if (sharedFailure != null) {
            throw new IllegalStateException("the shared broker did not start", sharedFailure);
        }
        if (shared == null) {
            try {
                shared = start();
            } catch (Exception e) {
                sharedFailure = e;
                throw e;
            }
            Runtime.getRuntime().addShutdownHook(new Thread(shared::removeData));
        }
        return shared.bootstrap();
    }

    /** Starts a broker with an empty data directory and these further arguments, and waits until it is ready. */
    static BrokerProcess start(String... arguments) throws Exception {
        String binary = System.getenv("NARUMQ_BIN");
        if (binary == null) {
            throw new IllegalStateException(
                    "set NARUMQ_BIN to the narumq program, or NARUMQ_E2E_KAFKA to the address of a running broker");
        }
        BrokerProcess broker = new BrokerProcess(
                binary, Files.createTempDirectory("narumq-e2e-kafka-java-"), List.of(arguments));
        Runtime.getRuntime().addShutdownHook(broker.endWithTheTests);
        try {
            broker.restart();
        } catch (Exception e) {
            broker.close();
            throw e;
        }
        return broker;
    }

    /** What clients call bootstrap.servers. */
    String bootstrap() {
        return "127.0.0.1:" + kafkaPort;
    }

    /** Ends the process with SIGKILL and waits until it is gone. */
    void kill() {
        if (process == null) {
            return;
        }
        process.destroyForcibly();
        boolean interrupted = false;
        while (process.isAlive()) {
            try {
                process.waitFor();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** Starts the process (again) on the same ports and data directory and waits until it is ready. */
    void restart() throws Exception {
        File log = directory.resolve("broker.log").toFile();
        List<String> command = new ArrayList<>(List.of(
                binary, "serve", "--data-dir", directory.resolve("data").toString(),
                "--amqp", "off", "--kafka", "127.0.0.1:" + kafkaPort, "--http", "127.0.0.1:" + httpPort));
        command.addAll(arguments);
        process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.appendTo(log))
                .start();
        long deadline = System.nanoTime() + READY_DEADLINE.toNanos();
        while (!ready()) {
            if (process.waitFor(20, TimeUnit.MILLISECONDS)) {
                throw new IllegalStateException("broker ended with " + process.exitValue() + "\n" + logTail(log));
            }
            if (System.nanoTime() > deadline) {
                throw new IllegalStateException("broker not ready after " + READY_DEADLINE + "\n" + logTail(log));
            }
        }
    }

    /** Ends the process and removes its data. */
    @Override
    public void close() {
        Runtime.getRuntime().removeShutdownHook(endWithTheTests);
        removeData();
    }

    private void removeData() {
        kill();
        try (var paths = Files.walk(directory)) {
            paths.sorted(Comparator.reverseOrder()).map(Path::toFile).forEach(File::delete);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private boolean ready() throws InterruptedException {
        URI uri = URI.create("http://127.0.0.1:" + httpPort + "/readyz");
        try {
            var request = HttpRequest.newBuilder(uri).timeout(Duration.ofSeconds(2)).build();
            return http.send(request, BodyHandlers.discarding()).statusCode() == 200;
        } catch (IOException e) {
            return false;
        }
    }

    private static String logTail(File log) throws IOException {
        String text = Files.readString(log.toPath());
        return text.substring(Math.max(0, text.length() - 4000));
    }

    /**
     * Looks below the range the kernel hands out for outgoing connections: while the broker is down between kill and
     * restart, no client socket of this machine can be given its port.
     */
    private static int freePort() {
        Random random = new Random();
        while (true) {
            int port = 20_000 + random.nextInt(12_000);
            try (var socket = new ServerSocket(port, 1, InetAddress.getLoopbackAddress())) {
                return socket.getLocalPort();
            } catch (IOException e) {
                continue;
            }
        }
    }
}
