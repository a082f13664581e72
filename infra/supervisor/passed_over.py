"""What the settings file says of carriers, routes and profiles, and seeding passed over because PostgreSQL says otherwise.

In: a carrier or route of the file, the row that is in force. Out: a sentence with both and the way out, None where they say
the same. Of limits, which operators change at run time, only those count that the file names. Passwords are never repeated.
Nothing can go wrong here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import SecretStr

from infra.postgres.route_store import ten_thousandths
from infra.settings.carriers import CarrierSettings
from infra.settings.model import RouteSettings
from schemas.values.money import format_amount
from schemas.values.profile import Profile

_NO_LIMITS = frozenset({"id"})


def carrier_passed_over(carrier: CarrierSettings, row: Mapping[str, Any], password: str | None) -> str | None:
    """`row`: as the admin store gives it; `password`: the one in force, None where it does not open."""
    differences = [*_limits(carrier, row), *_of_kind(carrier, row, password)]
    if not differences:
        return None
    way_out = (
        f"`sluice carrier apply {carrier.id}` puts the file's into force"
        if carrier.of_kind is not None
        else f"change it with `sluice carrier set {carrier.id}`"
    )
    return f"the carrier {carrier.id!r} stays as it is in the database; {', '.join(differences)}; {way_out}"


def route_passed_over(route: RouteSettings, row: Mapping[str, Any]) -> str | None:
    """`row`: as the admin store gives it."""
    wanted, present = _in_words(_row(route)), _in_words(row)
    if wanted == present:
        return None
    return (
        f"the route {route.prefix!r} stays as it is in the database; the file says {wanted}, in force is {present}; "
        f"`sluice route set {_options(route)}` puts the file's into force"
    )


def profile_passed_over(wanted: Profile, present: Profile) -> str | None:
    """Both as the product keeps them."""
    if wanted == present:
        return None
    differences = ", ".join(
        _difference(name, getattr(wanted, name), getattr(present, name))
        for name in Profile.__struct_fields__
        if getattr(wanted, name) != getattr(present, name)
    )
    return (
        f"the profile {wanted.name!r} stays as it is in the database; {differences}; "
        f"change it with `sluice profile set {wanted.name}`"
    )


def _options(route: RouteSettings) -> str:
    given = {
        "carrier": ",".join(route.carriers),
        "price": format_amount(ten_thousandths(route.price)),
        "strategy": "" if route.strategy == "order" else route.strategy,
        "cost": ",".join(format_amount(ten_thousandths(cost)) for cost in route.costs),
        "weight": ",".join(map(str, route.weights)),
    }
    return " ".join([route.prefix or '""', *(f"--{name} {value}" for name, value in given.items() if value)])


def _row(route: RouteSettings) -> Mapping[str, Any]:
    """As the database would have it."""
    pairs = sorted(zip(route.costs, route.carriers, strict=True), key=lambda pair: pair[0]) if route.costs else []
    return {
        "carriers": [carrier for _, carrier in pairs] or route.carriers,
        "price": format_amount(ten_thousandths(route.price)),
        "strategy": route.strategy,
        "costs": [format_amount(ten_thousandths(cost)) for cost, _ in pairs],
        "weights": route.weights,
    }


def _in_words(row: Mapping[str, Any]) -> str:
    shares = ", ".join(str(share) for share in row["costs"] or row["weights"])
    how = "" if row["strategy"] == "order" else f", {row['strategy']} ({shares})"
    return f"{', '.join(row['carriers'])} at {row['price']}{how}"


def _limits(carrier: CarrierSettings, row: Mapping[str, Any]) -> Iterator[str]:
    for name in CarrierSettings.model_fields:
        if name in carrier.model_fields_set - _NO_LIMITS and name in row and getattr(carrier, name) != row[name]:
            yield _difference(name, getattr(carrier, name), row[name])


def _of_kind(carrier: CarrierSettings, row: Mapping[str, Any], password: str | None) -> Iterator[str]:
    """The section of its kind; a simulated carrier has none, `up` notes where it listens."""
    wanted = carrier.of_kind
    if wanted is None:
        return
    present = row["settings"]
    for name, field in type(wanted).model_fields.items():
        value = getattr(wanted, name)
        if isinstance(value, SecretStr):
            if value.get_secret_value() != password:
                yield f"{name} differs"
        elif value != present.get(name, field.get_default(call_default_factory=True)):
            yield _difference(name, value, present.get(name))


def _difference(name: str, file: object, present: object) -> str:
    return f"{name} is {file!r} in the file, {present!r} in force"
