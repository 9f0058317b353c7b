"""Who is let in."""

import hashlib
from pathlib import Path

import pytest

from protocol.auth import LOCAL, Authenticator, BadTokens, Principal, Unauthenticated


def write(path: Path, **tokens: str) -> None:
    tables = (
        f'[tokens.{name}]\nprincipal = "{name}"\nroles = ["reader"]\nsha256 = "{digest(token)}"\n'
        for name, token in tokens.items()
    )
    path.write_text("\n".join(tables))


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def bearer(token: str) -> list[tuple[str, str | bytes]]:
    return [("user-agent", "x"), ("authorization", f"Bearer {token}")]


def test_without_a_file_everybody_is_local_whatever_token_they_have() -> None:
    authenticator = Authenticator(None)
    assert authenticator.authenticate([]) == LOCAL
    assert authenticator.authenticate(bearer("anything")) == LOCAL


def test_a_token_stands_for_its_principal(tmp_path: Path) -> None:
    write(tmp_path / "t", ann="one", bob="two")
    authenticator = Authenticator(tmp_path / "t")
    assert authenticator.authenticate(bearer("two")) == Principal("bob", frozenset({"reader"}))
    assert authenticator.authenticate([("authorization", b"bearer one")]) == Principal(
        "ann", frozenset({"reader"})
    )


@pytest.mark.parametrize(
    "metadata",
    [[], [("authorization", "one")], [("authorization", "Basic one")], bearer(""), bearer("three")],
)
def test_all_others_are_refused(tmp_path: Path, metadata: list[tuple[str, str | bytes]]) -> None:
    write(tmp_path / "t", ann="one")
    refusal = Authenticator(tmp_path / "t").authenticate(metadata)
    assert isinstance(refusal, Unauthenticated)
    assert refusal.reason.startswith("authorization: ")


def test_tokens_are_read_again_and_bad_ones_leave_the_old_in_force(tmp_path: Path) -> None:
    path = tmp_path / "t"
    write(path, ann="one")
    authenticator = Authenticator(path)
    write(path, ann="two")
    authenticator.reload()
    assert isinstance(authenticator.authenticate(bearer("one")), Unauthenticated)
    path.write_text("[tokens.x]\nprincipal = 1\n")
    with pytest.raises(BadTokens, match=r"tokens\.x\."):
        authenticator.reload()
    assert isinstance(authenticator.authenticate(bearer("two")), Principal)


def test_a_token_is_its_bytes_whatever_they_are(tmp_path: Path) -> None:
    write(tmp_path / "t", ann="schlüssel")
    authenticator = Authenticator(tmp_path / "t")
    told = authenticator.authenticate([("authorization", "Bearer schlüssel".encode())])
    assert told == Principal("ann", frozenset({"reader"}))
    assert isinstance(authenticator.authenticate([("authorization", b"Bearer \xff\xfe")]), Unauthenticated)


@pytest.mark.parametrize(
    "content",
    [
        "[",
        "tokens = 1",
        '[tokens.a]\nprincipal = "a"\nsha256 = "short"',
        f"tokens = {'9' * 5_000}",
        f"tokens = {'[' * 5_000}",
    ],
)
def test_a_bad_file_is_told_without_what_is_in_it(tmp_path: Path, content: str) -> None:
    (tmp_path / "t").write_text(content)
    with pytest.raises(BadTokens) as caught:
        Authenticator(tmp_path / "t")
    assert len(str(caught.value).splitlines()) == 1
    assert "short" not in str(caught.value)
