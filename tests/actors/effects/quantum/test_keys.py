"""Keys, and what is encrypted with them."""

import base64
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st
from nacl.public import PrivateKey, SealedBox

from actors.effects.quantum.keys import KeyFile, KeyFileFault
from actors.effects.quantum.refusals import JobRefused

FIRST, SECOND, BOX = (bytes([number]) * 32 for number in (1, 2, 3))


def _text(**keys: tuple[str, bytes]) -> str:
    return "".join(
        f'[keys.{name}]\nscheme = "{scheme}"\nkey = "{base64.b64encode(key).decode()}"\n'
        for name, (scheme, key) in keys.items()
    )


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> KeyFile:
    path = tmp_path_factory.mktemp("keys") / "keys.toml"
    path.write_text(
        _text(first=("aes-256-gcm", FIRST), second=("aes-256-gcm", SECOND), box=("sealed-box", BOX))
    )
    return KeyFile(path)


@given(st.sampled_from(["first", "second", "box"]), st.binary(max_size=200))
def test_what_is_encrypted_is_decrypted(keys: KeyFile, key_id: str, plaintext: bytes) -> None:
    sealed = keys.encrypt(key_id, plaintext)
    assert keys.decrypt(key_id, sealed.nonce, sealed.job) == plaintext


@given(st.sampled_from(["first", "box"]), st.binary(max_size=50), st.data())
def test_whatever_is_wrong_is_refused_in_the_same_words(
    keys: KeyFile, key_id: str, plaintext: bytes, data: st.DataObject
) -> None:
    sealed = keys.encrypt(key_id, plaintext)
    bit = data.draw(st.integers(0, len(sealed.job) * 8 - 1))
    changed = bytearray(sealed.job)
    changed[bit // 8] ^= 1 << bit % 8
    cut = data.draw(st.integers(0, len(sealed.job) - 1))
    attempts = [
        (key_id, sealed.nonce, bytes(changed)),
        (key_id, sealed.nonce, sealed.job[:cut]),
        (key_id, sealed.nonce, sealed.job + b"\0"),
        (key_id, sealed.nonce + b"\0", sealed.job),
        ("second", sealed.nonce, sealed.job),
        ("unknown", sealed.nonce, sealed.job),
        ("", b"", b""),
        ("box" if key_id == "first" else "first", sealed.nonce, sealed.job),
    ]
    if sealed.nonce:
        attempts += [(key_id, b"", sealed.job), (key_id, sealed.nonce[:-1], sealed.job)]
        attempts += [(key_id, bytes(len(sealed.nonce)), sealed.job)]
    words = set()
    for attempt in attempts:
        with pytest.raises(JobRefused) as refused:
            keys.decrypt(*attempt)
        words.add(str(refused.value))
        assert refused.value.__cause__ is None
    assert len(words) == 1


def test_the_format_is_what_others_would_write(keys: KeyFile) -> None:
    """Ciphertext and tag, with the key's id bound to them; libsodium's sealed box."""
    job = AESGCM(FIRST).encrypt(bytes(12), b"H 0", b"controller-job/1\x00first")
    assert keys.decrypt("first", bytes(12), job) == b"H 0"
    job = AESGCM(FIRST).encrypt(bytes(12), b"H 0", b"controller-job/1\x00second")
    with pytest.raises(JobRefused):
        keys.decrypt("first", bytes(12), job)
    sealed = SealedBox(PrivateKey(BOX).public_key).encrypt(b"H 0")
    assert keys.decrypt("box", b"", sealed) == b"H 0"


def test_a_nonce_is_never_used_twice(keys: KeyFile) -> None:
    assert len({keys.encrypt("first", b"same").nonce for _ in range(50)}) == 50


def test_no_file_is_no_keys() -> None:
    keys = KeyFile(None)
    keys.reload()
    assert keys.ids == ()
    with pytest.raises(JobRefused):
        keys.decrypt("first", bytes(12), b"job")


def test_a_reload_takes_all_or_nothing(tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    path.write_text(_text(first=("aes-256-gcm", FIRST)))
    keys = KeyFile(path)
    sealed = keys.encrypt("first", b"H 0")
    path.write_text(_text(first=("aes-256-gcm", SECOND)) + "[keys.bad]\nkey = 5\n")
    with pytest.raises(KeyFileFault, match="bad"):
        keys.reload()
    assert keys.decrypt("first", sealed.nonce, sealed.job) == b"H 0"
    path.write_text(_text(second=("aes-256-gcm", FIRST)))
    keys.reload()
    assert keys.ids == ("second",)
    with pytest.raises(JobRefused):
        keys.decrypt("first", sealed.nonce, sealed.job)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("keys = [", "not TOML"),
        ("keys = 5", "something other"),
        ("[key.first]\nkey = 'x'", "something other"),
        ("[keys]\nfirst = 5", r"\[keys.first\]: is not a table"),
        ("[keys.first]\nscheme = 'aes-256-gcm'", r"\[keys.first\]: key is not the base64 of 32 bytes"),
        ("[keys.first]\nkey = 'not base64!'", "base64 of 32 bytes"),
        ("[keys.first]\nkey = 'c2hvcnQ='", "base64 of 32 bytes"),
        ("[keys.first]\nkey = 'c2hvcnQ='\ncolour = 1", "unknown setting 'colour'"),
        (f"[keys.first]\nkey = '{base64.b64encode(FIRST).decode()}'\nscheme = 'rot13'", "scheme is neither"),
        (f"[keys.'']\nkey = '{base64.b64encode(FIRST).decode()}'", "empty id"),
    ],
)
def test_a_faulty_file_is_named_with_its_fault_and_without_its_keys(
    tmp_path: Path, text: str, words: str
) -> None:
    path = tmp_path / "keys.toml"
    path.write_text(text)
    with pytest.raises(KeyFileFault, match=words) as fault:
        KeyFile(path)
    assert str(path) in str(fault.value)
    assert "c2hvcnQ" not in str(fault.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeyFileFault, match=r"gone\.toml: No such file"):
        KeyFile(tmp_path / "gone.toml")
    (tmp_path / "latin.toml").write_bytes(b"# \xff")
    with pytest.raises(KeyFileFault, match="not TOML"):
        KeyFile(tmp_path / "latin.toml")


def test_a_key_without_scheme_is_aes(tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    path.write_text(f"[keys.first]\nkey = '{base64.b64encode(FIRST).decode()}'")
    assert len(KeyFile(path).encrypt("first", b"").nonce) == 12
