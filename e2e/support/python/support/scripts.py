"""Running client programs as processes and waiting for the lines they print."""

import os
import subprocess
import sys
import threading
import time


class Script:
    """A Python program that runs beside the test; its output is read line by line."""

    def __init__(self, path, *arguments, env=None, prefix=(), python=sys.executable):
        self.path = path
        self.lines = []
        self._news = threading.Condition()
        self._ended = False
        self.process = subprocess.Popen(
            [*prefix, python, "-u", str(path), *map(str, arguments)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **(env or {})},
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            with self._news:
                self.lines.append(line.rstrip("\n"))
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    def wait_for(self, condition, within: float = 20.0):
        """Waits until `condition(lines)` is true and returns its value."""
        deadline = time.monotonic() + within
        with self._news:
            while not (value := condition(self.lines)):
                left = deadline - time.monotonic()
                if left <= 0 or self._ended:
                    why = "ended" if self._ended else f"did not get there within {within} s"
                    raise AssertionError(f"{self.path} {why}; it printed:\n" + "\n".join(self.lines))
                self._news.wait(left)
            return value

    def wait_line(self, line: str, within: float = 20.0) -> None:
        """Waits until the program has printed this line."""
        self.wait_for(lambda lines: line in lines, within)

    def count(self, start: str) -> int:
        """How many lines so far begin like this."""
        with self._news:
            return sum(line.startswith(start) for line in self.lines)

    def finish(self, within: float = 20.0) -> list:
        """Waits for a program that ends by itself, with exit code 0, and returns its lines."""
        code = self.process.wait(timeout=within)
        self._reader.join()
        assert code == 0, f"{self.path} ended with {code}:\n" + "\n".join(self.lines)
        return self.lines

    def kill(self) -> None:
        """Ends the program with SIGKILL."""
        self.process.kill()
        self.process.wait()
        self._reader.join()


class Scripts:
    """Starts programs with one environment and ends what is left of them."""

    def __init__(self, folder, env=None, prefix=()):
        self.folder, self.env, self.prefix = folder, env, prefix
        self.running = []

    def start(self, file: str, *arguments, ready: str | None = None, **options) -> Script:
        """Starts a program; with `ready`, waits until it has printed that line."""
        script = Script(self.folder / file, *arguments, **({"env": self.env, "prefix": self.prefix} | options))
        self.running.append(script)
        if ready is not None:
            script.wait_line(ready)
        return script

    def run(self, file: str, *arguments, **options) -> list:
        """Runs a program to its end and returns its lines."""
        return self.start(file, *arguments, **options).finish()

    def end(self) -> None:
        """Kills what still runs."""
        for script in self.running:
            if script.process.poll() is None:
                script.kill()
