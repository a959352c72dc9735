"""A socket that writes the bytes a test asks for and reads as many as it wants."""

import socket


class ByteSocket:
    """A connection to `address`; what was received and not yet read is in `received`."""

    def __init__(self, address, timeout: float):
        self.socket = socket.create_connection(address, timeout=timeout)
        # Small writes follow each other here; waiting for acknowledgements would cost 40 ms each.
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data: bytes) -> None:
        """Writes bytes as they are."""
        self.socket.sendall(data)

    def read(self, count: int) -> bytes:
        """Reads exactly so many bytes; EOFError when the peer closed before."""
        while len(self.received) < count:
            more = self.socket.recv(65536)
            if not more:
                raise EOFError(f"closed after {self.received!r}")
            self.received += more
        data, self.received = self.received[:count], self.received[count:]
        return data

    def read_to_end(self) -> bytes:
        """Reads until the peer closes; a reset counts as a close."""
        try:
            while more := self.socket.recv(65536):
                self.received += more
        except ConnectionResetError:
            pass
        data, self.received = self.received, b""
        return data
