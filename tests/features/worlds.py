"""Random worlds and how they are read: one alone, or several side by side as one data set."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from features.build import Entity
from features.conventions import Conventions
from features.times import iso
from tests.factories import Row, Rows, day, random_instants, random_rows
from tests.sql.worlds import moved_to, random_more, reading_for

ENTITIES: tuple[Entity, ...] = ("opportunity", "account")
IDS = ("account_id", "contact_id", "opportunity_id", "activity_id", "order_id", "lead_id")
IN_2024 = 19_800  # days from 1970 on; where summer time and public holidays are
Pairs = list[tuple[str, int]]


@dataclass(frozen=True)
class World:
    """Rows, the conventions by which they are read, and snapshots of all that is in them, in no order."""

    rows: Rows
    conventions: Conventions
    pairs: Mapping[Entity, Pairs]


def ids_in(rows: Rows, entity: Entity) -> list[str]:
    """Every deal, or every account that any row names."""
    if entity == "opportunity":
        return [row["opportunity_id"] for row in rows["opportunities"]]
    return sorted({row["account_id"] for table in rows.values() for row in table if row.get("account_id")})


def rows_for(seed: int, days: int) -> Rows:
    """The rows of one world, some days after 1970."""
    rows = moved_to(random_more(seed, random_rows(seed)), days)
    haggled = _haggling(random.Random(f"haggling {seed}"), ids_in(rows, "opportunity")[:3], days)
    return {**rows, "field_changes": [*rows["field_changes"], *haggled]}


def _haggling(rng: random.Random, deals: Sequence[str], days: int) -> list[Row]:
    """Amounts and expected closes that change often; some told late, ahead, or corrected."""
    found = []
    for number in range(24):
        at = day(days + rng.randrange(200)) + number  # no two at one moment
        known = at + rng.choice([0, 0, day(3), -day(2)])
        change: Row = {"opportunity_id": rng.choice(deals), "at": at}
        for _ in range(rng.choice([1, 1, 1, 2])):
            amount, close = (
                ("amount", str(rng.choice([80, 90.5, 120]))),
                day(days + rng.choice([90, 130, 300])),
            )
            field, value = rng.choice([amount, ("expected_close_at", iso(close))])
            change = {**change, "field": change.get("field", field), "recorded_at": known}
            found.append({**change, "value": value})  # a correction may be of the wrong kind, and say nothing
            known += rng.choice([1, day(10)])
    return found


def conventions_of_seed(seed: int) -> Conventions:
    r = reading_for(seed)
    return Conventions(tuple(r.stages), tuple(r.fixed), r.time_zone, tuple(r.working_days), r.holidays)


def world(seed: int, instants: int = 4) -> World:
    """One world; every other one lies in 2024."""
    rows, rng = rows_for(seed, IN_2024 * (seed % 2)), random.Random(seed)
    times = random_instants(rows, seed, instants)
    pairs = {entity: [(name, time) for name in ids_in(rows, entity) for time in times] for entity in ENTITIES}
    return World(
        rows, conventions_of_seed(seed), {entity: rng.sample(its, len(its)) for entity, its in pairs.items()}
    )


def worlds_together(group: int, count: int, instants: int) -> World:
    """Several worlds as one data set, which share their reps alone; all lie in one year."""
    rows: dict[str, list[Row]] = {}
    pairs: dict[Entity, Pairs] = {entity: [] for entity in ENTITIES}
    for seed in range(group * count, (group + 1) * count):
        mine = rows_for(seed, IN_2024 * (group % 2))
        named = {table: [_named(row, seed) for row in its] for table, its in mine.items()}
        times = random_instants(mine, seed, instants)
        for entity in ENTITIES:
            pairs[entity] += [(name, time) for name in ids_in(named, entity) for time in times]
        for table, its in named.items():
            if table != "reps" or table not in rows:
                rows.setdefault(table, []).extend(its)
    return World(rows, conventions_of_seed(group), pairs)


def _named(row: Row, seed: int) -> Row:
    return {k: f"w{seed}:{v}" if k in IDS and v is not None else v for k, v in row.items()}
