"""Live watchers by what they select, so that a change finds its watchers without asking each.

1. Watchers with equal selectors are one group, and share every message.
2. A group is indexed by its ids, else by its owner, else by one of its labels, else by its kind.
3. Nothing here iterates over a set: the order of messages is the same in every run.
"""

from collections.abc import Iterator
from typing import Generic, TypeVar

from projections.hot import Advance
from projections.view import View, labels_of, owner_of
from projections.watch.selector import Kind, Selector, kind_of, matches

W = TypeVar("W")

Place = tuple[Kind, str, str]
"""A kind with an id (`id`, id), an owner (`owner`, stream), a label (`=` + key, value) or nothing."""


class Group(Generic[W]):
    """Watchers with equal selectors."""

    __slots__ = ("selector", "watchers")

    def __init__(self, selector: Selector) -> None:
        self.selector = selector
        self.watchers: dict[int, W] = {}


class Groups(Generic[W]):
    """All groups that have watchers."""

    def __init__(self) -> None:
        self._groups: dict[Selector, Group[W]] = {}
        self._places: dict[Place, dict[Selector, Group[W]]] = {}
        self._kinds: dict[Kind, int] = {}
        """How many groups there are of a kind; none of them 0."""

    def add(self, selector: Selector, id: int, watcher: W) -> None:  # noqa: A002 - the name of the thing
        """Let a watcher be found."""
        group = self._groups.get(selector)
        if group is None:
            group = self._groups[selector] = Group(selector)
            self._kinds[selector.kind] = self._kinds.get(selector.kind, 0) + 1
            for place in _places(selector):
                self._places.setdefault(place, {})[selector] = group
        group.watchers[id] = watcher

    def remove(self, selector: Selector, id: int) -> None:  # noqa: A002
        """Let a watcher be found no more; does nothing when it was not."""
        group = self._groups.get(selector)
        if group is None or group.watchers.pop(id, None) is None or group.watchers:
            return
        del self._groups[selector]
        self._kinds[selector.kind] -= 1
        if not self._kinds[selector.kind]:
            del self._kinds[selector.kind]
        for place in _places(selector):
            groups = self._places[place]
            del groups[selector]
            if not groups:
                del self._places[place]

    def matching(self, advance: Advance) -> list[tuple[Group[W], tuple[View, ...]]]:
        """Return the groups that an append is news for, each with the selected views in stream order."""
        if not self._groups:
            return []
        by_group: dict[int, list[View]] = {}
        groups: list[Group[W]] = []
        for view in advance.views.values():
            for group in self._candidates(view):
                if matches(group.selector, view):
                    views = by_group.get(id(group))
                    if views is None:
                        views = by_group[id(group)] = []
                        groups.append(group)
                    views.append(view)
        return [(group, tuple(by_group[id(group)])) for group in groups]

    def _candidates(self, view: View) -> Iterator[Group[W]]:
        kind = kind_of(view)
        if kind not in self._kinds:
            return
        places: list[Place] = [(kind, "", ""), (kind, "id", view.id), (kind, "owner", owner_of(view))]
        places += [(kind, "=" + key, value) for key, value in dict.fromkeys(labels_of(view))]
        for place in places:
            yield from self._places.get(place, {}).values()


def _places(selector: Selector) -> list[Place]:
    """Return where a group stands: any view that it selects leads to exactly one of these places."""
    if selector.ids:
        return [(selector.kind, "id", id) for id in sorted(selector.ids)]  # noqa: A001 - as above
    if selector.owner:
        return [(selector.kind, "owner", selector.owner)]
    if selector.labels:
        key, value = selector.labels[0]
        return [(selector.kind, "=" + key, value)]
    return [(selector.kind, "", "")]
