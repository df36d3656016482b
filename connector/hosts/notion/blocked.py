"""What a row says of what holds it up, by rules about names: nobody has to set anything up. Pure; nothing is read for it alone.

- a checkbox, select or status whose name says so ("Blocked", "Is blocked"): ticked, or an option that means yes;
- the status that tells whether a row is done, at an option called "Blocked" among those in progress;
- a relation called "Blocked by": whether the rows there are done, the mirror knows or nobody does.

What is done is held up by nothing. Notion shows the first 25 rows of a relation; the others are not looked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector.domain.model import Blocked, BlockingLink, Category, Unknown
from connector.domain.signals.blocked import says_blocked, says_blocked_by, says_yes
from connector.hosts.notion.ids import known_id
from connector.hosts.notion.schema import Property, Schema

Values = Mapping[str, tuple[str, Mapping[str, Any]]]  # by property id: (name, value object)
_CHOSEN = ("select", "status")


def about_blocks(prop: Property) -> bool:
    """Whether a property tells of what holds a row up."""
    if prop.type == "relation":
        return says_blocked_by(prop.name)
    return prop.type in ("checkbox", *_CHOSEN) and says_blocked(prop.name)


def read_blocked(values: Values, schema: Schema | None, status: str | None, category: Category) -> Blocked | Unknown | None:
    """What holds up the row with these values; unknown while a property that tells it was not asked for."""
    if category is Category.DONE:
        return None
    props = [prop for prop in schema.properties.values() if about_blocks(prop)] if schema else []
    if any(prop.id not in values for prop in props):
        return Unknown("what holds it up was not asked for")
    flag, refs = False, dict[str, None]()
    for prop in props:
        value = values[prop.id][1]
        kind = str(value.get("type"))
        told = value.get(kind)
        if kind == "checkbox":
            flag = flag or told is True
        elif kind in _CHOSEN:
            flag = flag or (isinstance(told, dict) and says_yes(str(told.get("name") or "")))
        elif kind == "relation" and isinstance(told, list):
            refs.update(dict.fromkeys(ref for each in told if isinstance(each, dict) and (ref := known_id(each.get("id")))))
    held = status if category is Category.STARTED and says_blocked(status) else None
    return Blocked(flag, held, tuple(BlockingLink(ref) for ref in refs)) if flag or held or refs else None
