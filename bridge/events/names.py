"""The names of an event's fields, and the other spellings that gateways write of them.

WSO2's Java publishers write `userIp` and `correlationId`. Its gateway for Kubernetes (wso2/apk, `ELKResponseEvent`)
writes `userIP`, `correlationID`, `applicationID`, `organizationID`, `environmentID` and `regionID`, and `apiCreation`
for `apiCreator`; other senders write `user_ip`. A name is known in any case, and with `_` or `-` between its words.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

_BETWEEN_WORDS: Final = str.maketrans("", "", "_-")


def folded(name: str) -> str:
    """Return the one form of all spellings of a name."""
    return name.translate(_BETWEEN_WORDS).lower()


class Names:
    """The canonical names of some fields; needed only if an event has other names."""

    def __init__(self, names: Iterable[str], others: Mapping[str, str] | None = None) -> None:
        """`others`: further names, which are not spellings, with the canonical ones that they stand for."""
        self.known = frozenset(names)
        self._by_form = {folded(name): name for name in sorted(self.known, reverse=True)}
        self._by_form |= {folded(other): name for other, name in (others or {}).items()}

    def canonical(self, name: str) -> str:
        """Return the canonical name that this one is a spelling of, or the name itself."""
        return name if name in self.known else self._by_form.get(folded(name), name)

    def canonical_in(self, data: dict[str, Any], *, least: int = 1) -> dict[str, Any]:
        """Return an object with its canonical names in place of other spellings, in the same order.

        It is the same object if it has fewer than `least` of these names, in any spelling, or only canonical ones.
        Where it says something under the canonical name too, that counts, and the other stays as it is unless it
        repeats it.
        """
        names = {key: self.canonical(key) for key in data if key not in self.known}
        others = {key: name for key, name in names.items() if key != name}
        if not others or len({names.get(key, key) for key in data} & self.known) < least:
            return data
        renamed: dict[str, Any] = {}
        taken = {name for name in self.known.intersection(data) if data[name] is not None}
        for key, value in data.items():
            name = others.get(key, key)
            if name == key:
                if value is not None or name not in others.values():
                    renamed[key] = value
            elif name not in taken:
                taken.add(name)
                renamed[name] = value
            elif value != renamed.get(name, data.get(name)):
                renamed[key] = value
        return renamed
