"""How the codec refuses.

1. Every error names the topic or the class in its text.
"""


class UnknownTopic(Exception):  # noqa: N818 - a refusal is named for what is wrong
    """No class and no upcaster is registered under this topic."""

    def __init__(self, topic: str) -> None:
        super().__init__(f"unknown topic {topic!r}: written by a newer version, or not registered")
        self.topic = topic


class Undecodable(Exception):  # noqa: N818 - as UnknownTopic
    """The body does not fit the class that its topic names."""

    def __init__(self, topic: str, reason: str) -> None:
        super().__init__(f"body of topic {topic!r} cannot be read: {reason}")
        self.topic = topic


class Unencodable(TypeError):  # noqa: N818 - as UnknownTopic
    """The object is of a class without a topic, or holds what its class does not declare: a bug."""


class BadTables(ValueError):  # noqa: N818 - as UnknownTopic
    """Topics or upcasters contradict each other, or leave a gap: found when the codec is built."""
