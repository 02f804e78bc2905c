"""The SELECT of some aggregates over one period, from one table.

From a cube and the facts it has three steps: what each of the two tables has by dimensions and, for members and
spreads, by block or bucket; one row made of two; and what the aggregate makes of all blocks or buckets.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bridge.analytics.questions.fields import AGGREGATES
from bridge.analytics.questions.filters import Condition
from bridge.analytics.questions.periods import Period
from bridge.analytics.questions.tables import QUANTILES, AnsweringTable, rest, within
from bridge.analytics.store.cubes import ADDITIVE, MASK, MEMBERS, Cube, RolledSpan, value_of


@dataclass(frozen=True, slots=True)
class WantedCalls:
    """Which calls are wanted, and by what."""

    period: Period
    keys: dict[str, str]
    """Name of a column to its SQL, over a table `f`."""
    where: Condition
    """What the calls pass; empty: all of them do."""
    beside: str
    """What is joined with them."""
    percents: Mapping[str, Sequence[int]]
    """Which quantiles, by aggregate."""


def partial(table: AnsweringTable, wanted: WantedCalls) -> Condition:
    """Return the SELECT of a table's aggregates by the keys, each as `a_NAME`."""
    if table.cube is not None:
        return _of_cube(table.cube, table, wanted)
    period = RolledSpan(wanted.period.start, wanted.period.end)
    figures = {f"a_{name}": _over_facts(name, wanted.percents) for name in table.aggregates}
    return _part("facts", wanted.keys | figures, len(wanted.keys), (period,), wanted)


def _over_facts(aggregate: str, percents: Mapping[str, Sequence[int]]) -> str:
    if aggregate not in percents:
        return AGGREGATES[aggregate]
    # One pass for all quantiles of a quantity: two of them cost little more than one.
    shares = ", ".join(str(percent / 100) for percent in percents[aggregate])
    return f"quantile_cont(f.{aggregate.removesuffix(QUANTILES)}, [{shares}])"


def _part(
    table: str, columns: Mapping[str, str], keys: int, spans: Sequence[RolledSpan], wanted: WantedCalls
) -> Condition:
    """Return what one table has; the first columns are the keys."""
    shown = ", ".join(f"{sql} AS {name}" for name, sql in columns.items())
    where = " AND ".join(f"({sql})" for sql in (within(spans), wanted.where.sql) if sql)
    return Condition(
        f"SELECT {shown} FROM {table} f{wanted.beside} WHERE {where}{_grouped(keys)}", wanted.where.values
    )


def _grouped(keys: int) -> str:
    return f" GROUP BY {', '.join(str(place + 1) for place in range(keys))}" if keys else ""


def _of_cube(cube: Cube, table: AnsweringTable, wanted: WantedCalls) -> Condition:
    names = [name for name in table.aggregates if name in ADDITIVE]
    quantiles = cube.spread + QUANTILES
    spread = quantiles in table.aggregates
    if spread and "calls" not in names:
        names.append("calls")
    rolled = {f"a_{name}": ADDITIVE[name].of_parts(f'f."{name}"') for name in names}
    counted = {f"a_{name}": ADDITIVE[name].sql for name in names}
    joined = {f"a_{name}": ADDITIVE[name].of_parts(f"a_{name}") for name in names}
    if cube.members:
        rolled["mask"], joined["mask"] = "bit_or(f.mask)", "bit_or(mask)"
        counted["mask"] = MASK.format(MEMBERS[cube.members])
    # Figures that can be added up need no buckets.
    parted = cube.parted if cube.members or spread else {}
    keys, facts_keys = wanted.keys | {name: f"f.{name}" for name in parted}, wanted.keys | parted
    parts = [_part(cube.table, keys | rolled, len(keys), table.rolled, wanted)]
    if left := rest(table.rolled, wanted.period.start, wanted.period.end):
        parts.append(_part("facts", facts_keys | counted, len(keys), left, wanted))
    columns = ", ".join([*keys, *(f"{sql} AS {name}" for name, sql in joined.items())])
    both = " UNION ALL ".join(part.sql for part in parts)
    sql = f"SELECT {columns} FROM ({both}){_grouped(len(keys))}"
    if cube.members:
        sql = _counted_members(sql, wanted, cube.members)
    elif spread:
        sql = _spread(sql, wanted, names, quantiles)
    return Condition(sql, tuple(value for part in parts for value in part.values))


def _counted_members(sql: str, wanted: WantedCalls, name: str) -> str:
    columns = ", ".join([*wanted.keys, f"coalesce(sum(bit_count(mask)), 0)::BIGINT AS a_{name}"])
    return f"SELECT {columns} FROM ({sql}){_grouped(len(wanted.keys))}"


def _spread(sql: str, wanted: WantedCalls, names: Sequence[str], quantiles: str) -> str:
    """Return quantiles from buckets: between the two calls that they lie between, in proportion."""
    keys = wanted.keys
    among = f"PARTITION BY {', '.join(keys)}" if keys else ""
    ranked = (
        f"SELECT *, {value_of('bucket')} AS value,"
        f" sum(a_calls) OVER ({among} ORDER BY bucket NULLS LAST) AS up_to,"
        f" sum(a_calls) FILTER (WHERE bucket IS NOT NULL) OVER ({among}) - 1 AS last FROM ({sql})"
    )
    shares = ", ".join(_quantile(percent / 100) for percent in wanted.percents[quantiles])
    columns = [*keys, *(f"{ADDITIVE[name].of_parts(f'a_{name}')} AS a_{name}" for name in names)]
    columns.append(f"[{shares}] AS a_{quantiles}")
    return f"SELECT {', '.join(columns)} FROM ({ranked}){_grouped(len(keys))}"


def _quantile(share: float) -> str:
    rank = f"{share} * last"
    low = f"min(value) FILTER (WHERE up_to > floor({rank}))"
    high = f"min(value) FILTER (WHERE up_to > ceil({rank}))"
    return f"{low} + max({rank} - floor({rank})) * ({high} - {low})"
