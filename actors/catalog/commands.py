"""What may be asked of an entry of the catalog."""

from events.attachment import Attachment
from events.frozen import frozen


@frozen
class WriteEntry:
    """Keep this manifest, in place of any before."""

    kind: str
    name: str
    manifest: Attachment


@frozen
class DeleteEntry:
    """Be gone."""


CatalogCommand = WriteEntry | DeleteEntry
