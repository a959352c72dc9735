"""Runs inside a network namespace: brings its loopback interface up and hands out sockets made there."""

import fcntl
import socket
import struct
import sys

SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1


def raise_loopback() -> None:
    """Sets the `up` flag of the interface `lo`."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = fcntl.ioctl(any_socket, SIOCGIFFLAGS, struct.pack("16sh14x", b"lo", 0))
        flags = struct.unpack("16sh14x", request)[1]
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | IFF_UP))


def serve(control: socket.socket) -> None:
    """Answers `socket` and `listen PORT` with a file descriptor until the other side closes."""
    control.sendall(b"up")
    while order := control.recv(64).decode():
        made = socket.socket()
        try:
            if order.startswith("listen "):
                made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                made.bind(("127.0.0.1", int(order.split()[1])))
                made.listen(64)
            socket.send_fds(control, [b"here"], [made.fileno()])
        except OSError as error:
            control.sendall(str(error).encode())
        finally:
            made.close()


raise_loopback()
serve(socket.socket(fileno=int(sys.argv[1])))
