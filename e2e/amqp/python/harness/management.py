"""The few calls of the management HTTP API that AMQP tests need to set a scene."""

import base64
import json
import urllib.request
from urllib.parse import quote


class Management:
    """Creates and removes virtual hosts, users and permissions."""

    def __init__(self, base: str):
        self.base = base

    def call(self, method: str, *path: str, body=None):
        """One request; every path segment is escaped, so a vhost `/` is `%2F`."""
        url = self.base + "/api/" + "/".join(quote(segment, safe="") for segment in path)
        request = urllib.request.Request(url, method=method)
        request.add_header("Authorization", "Basic " + base64.b64encode(b"guest:guest").decode())
        data = None
        if body is not None:
            request.add_header("Content-Type", "application/json")
            data = json.dumps(body).encode()
        with urllib.request.urlopen(request, data, timeout=10) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def add_vhost(self, name: str) -> None:
        """Creates a virtual host."""
        self.call("PUT", "vhosts", name, body={})

    def add_user(self, name: str, password: str) -> None:
        """Creates a user without tags or permissions."""
        self.call("PUT", "users", name, body={"password": password, "tags": ""})

    def permit(self, vhost: str, user: str, configure: str, write: str, read: str) -> None:
        """Sets the three regular expressions of a user in a virtual host."""
        self.call("PUT", "permissions", vhost, user,
                  body={"configure": configure, "write": write, "read": read})

    def connections(self) -> list:
        """The open connections."""
        return self.call("GET", "connections")

    def close_connection(self, name: str) -> None:
        """Closes a connection as an operator does."""
        self.call("DELETE", "connections", name)

    def remove(self, *path: str) -> None:
        """Deletes an object."""
        self.call("DELETE", *path)
