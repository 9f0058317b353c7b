"""The keys of encrypted jobs: a TOML file, and what is decrypted with it.

    [keys.ID]
    scheme = "aes-256-gcm"      # or "sealed-box"
    key = "base64 of 32 bytes"  # of a sealed box: the private key

1. Whatever fails in decrypting, the submitter reads one and the same sentence.
2. A file is read whole or not at all: after a failed reload the keys of before are in force.
3. A key is never part of a message, a repr or a log.
"""

import base64
import binascii
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, SealedBox

from actors.effects.quantum.refusals import JobRefused

KEY_BYTES = 32
NONCE_BYTES = 12
REFUSAL = "the job cannot be decrypted with the key it names"
_ASSOCIATED = b"controller-job/1\0"


class KeyFileFault(Exception):  # noqa: N818 a fault of the operator's file
    """The key file cannot be used; the text names the file and what is wrong in it."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """An encrypted job."""

    nonce: bytes
    """12 bytes, or none where the scheme needs none."""
    job: bytes


class _Scheme(Protocol):
    def decrypt(self, nonce: bytes, job: bytes) -> bytes: ...

    def encrypt(self, plaintext: bytes) -> Sealed: ...


class KeyFile:
    """The keys that are in force.

    Args:
        path: the TOML file; None for a server without keys.

    Raises:
        KeyFileFault: when the file cannot be read or is not right.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._keys: Mapping[str, _Scheme] = {}
        self.reload()

    def reload(self) -> None:
        """Read the file anew; keys that it no longer names are forgotten.

        Raises:
            KeyFileFault: and the keys of before stay in force.
        """
        if self._path is not None:
            self._keys = _read(self._path)

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of the keys, sorted."""
        return tuple(sorted(self._keys))

    def decrypt(self, key_id: str, nonce: bytes, job: bytes) -> bytes:
        """Decrypt a job.

        Raises:
            JobRefused: for an unknown key, a nonce of the wrong length and a failed tag alike.
        """
        scheme = self._keys.get(key_id)
        if scheme is None:
            raise JobRefused(REFUSAL)
        try:
            return scheme.decrypt(nonce, job)
        except (InvalidTag, CryptoError, ValueError, TypeError):
            raise JobRefused(REFUSAL) from None

    def encrypt(self, key_id: str, plaintext: bytes) -> Sealed:
        """Encrypt a job, as a submitter would.

        Raises:
            KeyError: when there is no such key.
        """
        return self._keys[key_id].encrypt(plaintext)


class _AesGcm:
    def __init__(self, key_id: str, key: bytes) -> None:
        self._cipher = AESGCM(key)
        self._associated = _ASSOCIATED + key_id.encode()

    def decrypt(self, nonce: bytes, job: bytes) -> bytes:
        if len(nonce) != NONCE_BYTES:  # the cipher itself takes others
            raise ValueError("a nonce of the wrong length")
        return self._cipher.decrypt(nonce, job, self._associated)

    def encrypt(self, plaintext: bytes) -> Sealed:
        nonce = os.urandom(NONCE_BYTES)
        return Sealed(nonce, self._cipher.encrypt(nonce, plaintext, self._associated))


class _SealedBox:
    def __init__(self, key: bytes) -> None:
        private = PrivateKey(key)
        self._private = SealedBox(private)
        self._public = SealedBox(private.public_key)

    def decrypt(self, nonce: bytes, job: bytes) -> bytes:
        if nonce:
            raise ValueError("a sealed box has no nonce")
        return self._private.decrypt(job)

    def encrypt(self, plaintext: bytes) -> Sealed:
        return Sealed(b"", self._public.encrypt(plaintext))


def _read(path: Path) -> dict[str, _Scheme]:
    try:
        read = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise KeyFileFault(f"{path}: {error.strerror or error}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise KeyFileFault(f"{path}: not TOML: {error}") from None
    keys = read.get("keys", {})
    if set(read) - {"keys"} or not isinstance(keys, dict):
        raise KeyFileFault(f"{path}: holds something other than [keys.ID] tables")
    return {key_id: _scheme(path, key_id, entry) for key_id, entry in keys.items()}


def _scheme(path: Path, key_id: str, entry: object) -> _Scheme:
    place = f"{path}: [keys.{key_id}]"
    if not key_id:
        raise KeyFileFault(f"{place}: an empty id means no encryption, and names no key")
    if not isinstance(entry, dict):
        raise KeyFileFault(f"{place}: is not a table")
    if unknown := sorted(set(entry) - {"scheme", "key"}):
        raise KeyFileFault(f"{place}: unknown setting {unknown[0]!r}")
    key = _key(place, entry.get("key"))
    match entry.get("scheme", "aes-256-gcm"):
        case "aes-256-gcm":
            return _AesGcm(key_id, key)
        case "sealed-box":
            return _SealedBox(key)
        case _:
            raise KeyFileFault(f'{place}: scheme is neither "aes-256-gcm" nor "sealed-box"')


def _key(place: str, text: object) -> bytes:
    fault = f"{place}: key is not the base64 of {KEY_BYTES} bytes"
    if not isinstance(text, str):
        raise KeyFileFault(fault)
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise KeyFileFault(fault) from None
    if len(key) != KEY_BYTES:
        raise KeyFileFault(fault)
    return key
