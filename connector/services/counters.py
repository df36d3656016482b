"""Numbers that only grow, kept in the database so that every process adds to the same one."""

from __future__ import annotations

from sqlalchemy.orm import Session

from connector.store.inserts import insert_into
from connector.store.tables import Counter


def count(session: Session, name: str, amount: float = 1, **labels: str) -> None:
    """Add to a counter. Label values must come from small sets (event names, outcomes), never from payload text."""
    text = ",".join(f'{key}="{_clean(value)}"' for key, value in sorted(labels.items()))
    statement = insert_into(session, Counter).values(name=name, labels=text, value=amount)
    session.execute(statement.on_conflict_do_update(index_elements=["name", "labels"], set_={"value": Counter.value + amount}))


def _clean(value: str) -> str:
    return "".join(sign for sign in value[:80] if sign.isalnum() or sign in "_-:. ")
