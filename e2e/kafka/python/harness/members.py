"""Members of groups that poll in threads of their own, as programs do, whatever their client is."""

import threading

from support.waiting import wait_until


class MemberThread:
    """One member; who is a member of a kind sets `consumer`, calls `start` and polls once at each `poll`."""

    def __init__(self, consumer):
        self.consumer = consumer
        self.failure = None
        self._wanted, self._done = [], threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begins to poll."""
        self._thread.start()

    def poll(self) -> bool:
        """Polls for a moment; returns whether the member can be asked for more."""
        raise NotImplementedError

    def _run(self):
        try:
            while not self._done.is_set():
                if self.poll():
                    while self._wanted:
                        self._wanted.pop(0)()
        except Exception as failure:  # told to whoever looks at the member next
            self.failure = failure

    def does(self, action):
        """Lets the member's own thread do something between two polls and returns what came of it."""
        answer = []
        self._wanted.append(lambda: answer.append(action(self.consumer)))
        wait_until(lambda: answer or self.failure, what="the member to answer")
        assert answer, self.failure
        return answer[0]

    def leave(self) -> None:
        """Leaves the group and ends the thread."""
        self._done.set()
        self._thread.join()
        self.consumer.close()


def share(members, topic: str, partitions: int) -> list:
    """Waits until the members share all partitions, each at least one, and returns what each has."""
    everything = {(topic, partition) for partition in range(partitions)}

    def shared():
        shares = [member.has for member in members]
        return shares if all(shares) and set().union(*shares) == everything \
            and sum(map(len, shares)) == partitions else None

    return wait_until(shared, what=f"{len(members)} members to share {partitions} partitions")
