"""Who calls: bearer tokens, and the principals and roles they stand for.

1. Only hashes of tokens are kept; a token is compared in constant time with every one of them.
2. A refusal is one sentence that does not say whether a token was near.
3. Without a file of tokens every caller is `local` with every role, whatever token comes along.
4. The principal of the call that is being served is in a context variable, set by the door (the
   interceptor or the HTTP middleware) and read by `caller`.
"""

import hashlib
import hmac
import tomllib
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

ROLES = frozenset({"reader", "writer", "admin"})
"""The roles that a token has unless it names some; it may name others."""
AS_IT_IS = "surrogateescape"
"""How bytes that are no text come through text unchanged."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody who calls."""

    name: str
    roles: frozenset[str]


@dataclass(frozen=True, slots=True)
class Unauthenticated:
    """Why a caller is not let in, in one sentence."""

    reason: str


class BadTokens(Exception):  # noqa: N818 - said of the file
    """The file of tokens cannot be used; the text is one line."""


SETTINGS_ADMIN = "settings-admin"
"""The role whose jobs may change managed settings of a quantum processor; tokens have to name it."""
LOCAL = Principal("local", ROLES | {SETTINGS_ADMIN})
"""Everybody, where no tokens are asked for."""

_caller: ContextVar[Principal] = ContextVar("caller", default=LOCAL)


def caller() -> Principal:
    """The principal of the call that is being served."""
    return _caller.get()


def enter(principal: Principal) -> None:
    """Say whose call the current task serves from here on."""
    _caller.set(principal)


class Token(BaseModel):
    """One `[tokens.NAME]` table."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    principal: str = Field(min_length=1, max_length=256)
    roles: frozenset[str] = ROLES
    sha256: str = Field(pattern=r"^[0-9a-fA-F]{64}$")


class TokensFile(BaseModel):
    """The whole file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tokens: dict[str, Token]


class Authenticator:
    """Tells who calls."""

    def __init__(self, tokens_file: Path | None) -> None:
        self._path = tokens_file
        self._tokens: tuple[tuple[bytes, Principal], ...] = ()
        self.reload()

    @property
    def asks_for_tokens(self) -> bool:
        """False when everybody is `LOCAL`; never changes."""
        return self._path is not None

    def reload(self) -> None:
        """Read the tokens again. Raises BadTokens, and then goes on with those it had."""
        if self._path is not None:
            self._tokens = read_tokens(self._path)

    def authenticate(self, metadata: Iterable[tuple[str, str | bytes]]) -> Principal | Unauthenticated:
        """Tell whose call it is by its metadata or headers, names in lower case."""
        if self._path is None:
            return LOCAL
        values = [value for name, value in metadata if name == "authorization"]
        if not values:
            return Unauthenticated("authorization: a bearer token must be given")
        text = values[0].decode(errors=AS_IT_IS) if isinstance(values[0], bytes) else values[0]
        scheme, _, token = text.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            return Unauthenticated("authorization: must be of the form 'Bearer TOKEN'")
        digest = hashlib.sha256(token.strip().encode(errors=AS_IT_IS)).digest()
        found: Principal | None = None
        for known, principal in self._tokens:  # all of them, so that the time says nothing
            if hmac.compare_digest(known, digest):
                found = principal
        return found or Unauthenticated("authorization: the token is not known")


def read_tokens(path: Path) -> tuple[tuple[bytes, Principal], ...]:
    """Read a file of tokens: the hash and the principal of each."""
    try:
        tree: Mapping[str, object] = tomllib.loads(path.read_text(encoding="utf-8"))
        file = TokensFile.model_validate(tree)
    except OSError as error:
        raise BadTokens(f"{path}: cannot be read: {error.strerror}") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadTokens(f"{path}: {where}: {first['msg'][0].lower()}{first['msg'][1:]}") from None
    except (ValueError, RecursionError) as error:  # also of numbers and lists that are beyond all measure
        raise BadTokens(f"{path}: is not TOML: {error}") from None
    return tuple((bytes.fromhex(it.sha256), Principal(it.principal, it.roles)) for it in file.tokens.values())
