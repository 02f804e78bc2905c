"""A MaxMind database file (format 2.0) with a few IPv4 networks, for tests that derive countries."""

import ipaddress
from pathlib import Path
from typing import Any


def write_countries(path: Path, networks: dict[str, Any]) -> Path:
    """Write a file in which each network has this record."""
    nodes: list[list[int | None]] = [[None, None]]
    records = b""
    leaves: dict[tuple[int, int], int] = {}
    for text, record in networks.items():
        network = ipaddress.IPv4Network(text)
        bits = f"{int(network.network_address):032b}"[: network.prefixlen]
        node = 0
        for bit in bits[:-1]:
            following = nodes[node][int(bit)]
            if following is None:
                nodes.append([None, None])
                following = nodes[node][int(bit)] = len(nodes) - 1
            node = following
        leaves[node, int(bits[-1])] = len(records)
        records += _encoded(record)
    tree = b""
    for number, node_pair in enumerate(nodes):
        for side, following in enumerate(node_pair):
            value = len(nodes) if following is None else following
            if (number, side) in leaves:
                value = len(nodes) + 16 + leaves[number, side]
            tree += value.to_bytes(3, "big")
    facts = {
        "node_count": _number(6, 4, len(nodes)),
        "record_size": _number(5, 2, 24),
        "ip_version": _number(5, 2, 4),
        "database_type": "Test-Country",
        "languages": [],
        "binary_format_major_version": _number(5, 2, 2),
        "binary_format_minor_version": _number(5, 2, 0),
        "build_epoch": _number(9, 8, 1),
        "description": {},
    }
    path.write_bytes(tree + bytes(16) + records + b"\xab\xcd\xefMaxMind.com" + _encoded(facts))
    return path


def _number(kind: int, size: int, value: int) -> bytes:
    head = bytes([kind << 5 | size]) if kind < 8 else bytes([size, kind - 7])
    return head + value.to_bytes(size, "big")


def _encoded(value: Any) -> bytes:
    match value:
        case str():
            data = value.encode()
            assert len(data) < 285
            size = bytes([0x40 | len(data)]) if len(data) < 29 else bytes([0x5D, len(data) - 29])
            return size + data
        case bytes():
            return value
        case dict():
            return bytes([0xE0 | len(value)]) + b"".join(
                _encoded(one) for pair in value.items() for one in pair
            )
        case _:
            return bytes([len(value), 4]) + b"".join(map(_encoded, value))
