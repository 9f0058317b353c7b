"""How the codec refuses.

1. Every error names the topic or the class in its text, and the place once whoever reads it knows one.
"""


class UnreadableEvent(Exception):  # noqa: N818 - a refusal is named for what is wrong
    """An event that is stored cannot be read."""

    def __init__(self, topic: str, text: str) -> None:
        super().__init__(text)
        self.topic = topic
        self.place = ""
        """Where it stands, empty while that is not known."""

    def __str__(self) -> str:
        return f"{self.place}: {self.args[0]}" if self.place else str(self.args[0])


class UnknownTopic(UnreadableEvent):
    """No class and no upcaster is registered under this topic."""

    def __init__(self, topic: str) -> None:
        super().__init__(topic, f"unknown topic {topic!r}: written by a newer version, or not registered")


class Undecodable(UnreadableEvent):
    """The body does not fit the class that its topic names."""

    def __init__(self, topic: str, reason: str) -> None:
        super().__init__(topic, f"body of topic {topic!r} cannot be read: {reason}")


class Unencodable(TypeError):  # noqa: N818 - as UnreadableEvent
    """The object is of a class without a topic, or holds what its class does not declare: a bug."""


class BadTables(ValueError):  # noqa: N818 - as UnreadableEvent
    """Topics or upcasters contradict each other, or leave a gap: found when the codec is built."""
