"""The key that says which function processes can do a call: those with an equal one.

1. The form is the original's, byte for byte: load balancers may compute it, too.
2. A key that comes with the call is taken as it is; one longer than any digest is digested, since keys
   are kept and calls may be of any size.
"""

import binascii
import hashlib
import struct

from protocol.fn.translate.model import CallModel
from protocol.fn.translate.outcomes import Unfit, unparsable

NUL = b"\0"
LONGEST = 64
"""Bytes of a key that is taken as it is."""


def key_of(model: CallModel, slot_hash_id: str, extension: str = "") -> bytes:
    """Return the key of a call. Raises Unfit for one that is not hexadecimal."""
    if not slot_hash_id:
        return slot_key(model, extension)
    try:
        key = binascii.unhexlify(slot_hash_id)
    except ValueError:
        raise Unfit(unparsable("slot_hash_id is not hexadecimal")) from None
    return key if len(key) <= LONGEST else hashlib.sha256(key).digest()


def slot_key(model: CallModel, extension: str = "") -> bytes:
    """Compute the key of a call whose configuration is complete."""
    digest = hashlib.sha256()
    for text in (model.app_id, model.syslog_url, model.fn_id, model.image):
        digest.update(text.encode() + NUL)
    times = (model.timeout_s & 0xFFFFFFFF, model.idle_timeout_s & 0xFFFFFFFF)
    digest.update(struct.pack("<IIIQQ", *times, model.tmpfs_mb, model.memory_mb, model.milli_cpus) + NUL)
    for pairs, end in ((model.config, NUL), (model.annotations, b"")):
        for name, value in pairs:
            digest.update(name.encode() + NUL + value.encode() + NUL)
        digest.update(end)
    if extension:
        digest.update(extension.encode() + NUL)
    return digest.digest()
