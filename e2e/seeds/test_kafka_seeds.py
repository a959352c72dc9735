"""The articles' Kafka program, unmodified, with the kafka-python of its time and that of today."""


def heard(program) -> list:
    """What the program has printed of messages."""
    return [line for line in program.lines if line.startswith("test_topic:")]


def test_hello_of_web_services(kafka_seed):
    """It sends and reads from the earliest: the second one reads what the first one sent, and both the new message."""
    lines = [f"test_topic:0:{offset}: key=None value=b'Hello, Kafka!'" for offset in range(2)]
    first = kafka_seed("web_services/kafka_hello.py")
    first.wait_line(lines[0])
    second = kafka_seed("web_services/kafka_hello.py")
    for program in (first, second):
        program.wait_line(lines[1])
        assert heard(program) == lines
