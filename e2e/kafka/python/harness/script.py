"""Running client programs as processes, so that they can be killed, and waiting for the lines they print."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

PROGRAMS = Path(__file__).parent.parent / "programs"


class Script:
    """A Python program that runs beside the test; its output is read line by line."""

    def __init__(self, file: str, *arguments):
        self.file = file
        self.lines = []
        self._news = threading.Condition()
        self._ended = False
        self.process = subprocess.Popen(
            [sys.executable, "-u", str(PROGRAMS / file), *map(str, arguments)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(PROGRAMS.parent)},
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

    def wait_for(self, condition, within: float = 30.0):
        """Waits until `condition(lines)` is true and returns its value."""
        deadline = time.monotonic() + within
        with self._news:
            while not (value := condition(self.lines)):
                left = deadline - time.monotonic()
                if left <= 0 or self._ended:
                    why = "ended" if self._ended else f"did not get there within {within} s"
                    raise AssertionError(f"{self.file} {why}; it printed:\n" + "\n".join(self.lines))
                self._news.wait(left)
            return value

    def kill(self) -> None:
        """Ends the program with SIGKILL."""
        self.process.kill()
        self.process.wait()
        self._reader.join()
