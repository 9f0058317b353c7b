"""Changing frozen, slotted dataclasses: `dataclasses.replace`, some three times as fast.

1. Same meaning and same types as the standard function, for frozen classes with slots that have
   neither `__post_init__` nor fields that `__init__` leaves out; others are refused when first seen.
2. Folding events is what this server does most, and a fold is one `replace` an event: the standard
   function passes every field through `__init__` by name, this one copies slots.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import replace as replace  # noqa: PLC0414 - the type checker knows its arguments
else:
    from dataclasses import fields

    def _copier(kind):  # noqa: ANN001, ANN202 - the checker reads the branch above
        """Compile a function that copies the slots of a class, and name what sets each of them."""
        each = fields(kind)
        if hasattr(kind, "__post_init__") or not all(it.init and hasattr(kind, it.name) for it in each):
            raise TypeError(f"{kind.__name__} is not a plain frozen dataclass with slots")
        setters = {it.name: getattr(kind, it.name).__set__ for it in each}
        names = [f"set_{place}" for place in range(len(each))]
        lines = [f" {name}(new, old.{it.name})" for name, it in zip(names, each, strict=True)]
        source = "\n".join(["def copy(old):", " new = make(kind)", *lines, " return new"])
        scope = {"make": object.__new__, "kind": kind, **dict(zip(names, setters.values(), strict=True))}
        exec(source, scope)  # noqa: S102 - made of field names of our own classes
        return scope["copy"], setters

    _COPIERS = {}

    def replace(value, /, **changes):  # noqa: ANN001, ANN003, ANN201 - as above
        """Return a copy of a frozen dataclass with some fields changed."""
        kind = value.__class__
        try:
            copy, setters = _COPIERS[kind]
        except KeyError:
            copy, setters = _COPIERS[kind] = _copier(kind)
        new = copy(value)
        for name, changed in changes.items():
            try:
                setters[name](new, changed)
            except KeyError:
                raise TypeError(f"{kind.__name__} has no field {name!r}") from None
        return new
