"""A batch laid out by address: what one request cannot mix stands side by side, in its own order."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bridge.contracts import Batch


@dataclass(frozen=True, slots=True)
class Layout:
    """A batch in its order of sending."""

    batch: Batch
    order: Sequence[int]
    """Where each event stood in the batch that it was made from."""
    parts: Sequence[tuple[int, int, str]]
    """Where the events of each address begin and end, and the address."""
    failed: Sequence[tuple[int, str]] = ()
    """Events whose address could not be told, by their index in the batch that it was made from, and why."""


def lay_out(batch: Batch, addresses: Callable[[Batch], Sequence[str] | None]) -> Layout:
    """Group the events by what `addresses` says of them; nothing is moved when that is one address for all."""
    failed: list[tuple[int, str]] = []
    try:
        told: Sequence[str | None] | None = addresses(batch)
        if told is not None and len(told) != len(batch):
            raise ValueError(f"{len(told)} addresses for {len(batch)} events")
    except Exception:  # noqa: BLE001 - a fault of the mapping must cost one event, not the lane
        told = [_address(batch, index, addresses, failed) for index in range(len(batch))]
    if told is None:
        return Layout(batch, range(len(batch)), [(0, len(batch), "")])
    groups: dict[str, list[int]] = {}
    for index, address in enumerate(told):
        if address is not None:
            groups.setdefault(address, []).append(index)
    order = [index for indices in groups.values() for index in indices]
    parts, start = [], 0
    for address, indices in groups.items():
        parts.append((start, start + len(indices), address))
        start += len(indices)
    if len(groups) > 1 or failed or batch.mapped:
        # Not mapped any more: only the sink knows what an address means for an event's form.
        batch = Batch(
            [batch.ids[index] for index in order],
            [batch.bodies[index] for index in order],
            [batch.received_ms[index] for index in order],
        )
    return Layout(batch, order, parts, failed)


def _address(
    batch: Batch,
    index: int,
    addresses: Callable[[Batch], Sequence[str] | None],
    failed: list[tuple[int, str]],
) -> str | None:
    try:
        told = addresses(batch.part(index, index + 1))
        (address,) = told if told is not None else ("",)
    except Exception as error:  # noqa: BLE001 - as above
        failed.append((index, f"{type(error).__name__}: {error}"))
        return None
    return address
