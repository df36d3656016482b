"""Comments on pages: read one, mention a person, answer a command once, in its discussion.

Comments hold no mark of ours. What tells an answer that got lost is the bot's own comment in the same discussion, later than the
comment that is answered, with the same words. This module decides nothing about commands.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from connector.errors import Gone
from connector.hosts.base import JSON, Comment
from connector.hosts.notion import fields as reading
from connector.hosts.notion.client import NotionClient
from connector.hosts.notion.ids import known_id, normalise_id
from connector.hosts.notion.schema import plain_text

CLOCKS = timedelta(minutes=5)  # by so much may Notion's clock and ours differ; its moments are whole minutes
_LONGEST_RUN = 1000  # characters; the API takes 2,000
_LONGEST = 50_000


def fetch(client: NotionClient, comment: str, kept: dict[str, Any]) -> Comment | None:
    """One comment, None when it is gone. ``kept``: what ``reply`` needs of it is kept there, so that it is not read twice."""
    try:
        answer = client.comment(normalise_id(comment))
    except Gone:
        return None
    kept[normalise_id(comment)] = {name: answer.get(name) for name in ("id", "discussion_id", "parent", "created_time")}
    made, edited = reading.moment(answer.get("created_time")), reading.moment(answer.get("last_edited_time"))
    return Comment(
        id=known_id(answer.get("id")) or comment,
        author=_author(answer),
        text=plain_text(answer.get("rich_text")),
        created_at=made,
        edited_at=edited if edited is not None and made is not None and edited > made else None,  # by the author: nobody else can
    )


def notify(
    client: NotionClient, bot: Callable[[], str], ref: str, accounts: Sequence[str], text: str, since: datetime | None = None
) -> Mapping[str, JSON]:
    """A comment on the page that mentions people. Receipt: ``{"comment": id}``. Not repeatable.

    ``since``: the bot's own comment with these words, not older than that moment, is taken for it.
    """
    runs = _runs(accounts, text)
    if since is not None:
        me, words, first = bot(), _words(runs), since - CLOCKS
        for each in client.comments(ref):
            made = reading.moment(each.get("created_time"))
            if _author(each) == me and _words(each.get("rich_text")) == words and made is not None and made >= first:
                return {"comment": known_id(each.get("id")) or ""}
    return {"comment": str(client.create_comment(ref, runs).get("id") or "")}


def reply(
    client: NotionClient,
    bot: Callable[[], str],
    comment: str,
    account: str,
    text: str,
    receipt: Mapping[str, JSON],
    *,
    kept: dict[str, Any],
    again: bool = True,
) -> Mapping[str, JSON]:
    """Answer ``comment`` in its discussion; see ``Host.reply``. Receipt: ``{"comment": id of the answer, "digest"}``.

    An answer that a person deleted is written anew. Raises ``Gone`` when the comment, and so its page or discussion, is gone.
    """
    runs = _runs([account] if account else [], text)
    wanted = hashlib.sha256(_words(runs).encode()).hexdigest()[:32]
    present = str(receipt.get("comment") or "")
    if present and receipt.get("digest") == wanted:
        return dict(receipt)
    if present:
        try:
            client.update_comment(normalise_id(present), runs)
            return {"comment": present, "digest": wanted}
        except Gone:
            again = True  # nobody notes anew that an answer may have been written
    asked = kept.pop(normalise_id(comment), None) or client.comment(normalise_id(comment))
    found = (_written_before(client, bot(), asked, _words(runs)) if again else "") or known_id(_answer(client, asked, runs).get("id")) or ""
    return {"comment": found, "digest": wanted}


def _answer(client: NotionClient, asked: Mapping[str, Any], runs: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    return client.answer_discussion(str(asked.get("discussion_id") or ""), runs)


def _written_before(client: NotionClient, bot: str, asked: Mapping[str, Any], words: str) -> str:
    """The id of the bot's comment with these words, in the same discussion and not older than ``asked``; "" without one."""
    parent = asked.get("parent")
    place = str((parent.get("page_id") or parent.get("block_id") or "") if isinstance(parent, dict) else "")
    since = reading.moment(asked.get("created_time"))
    for each in client.comments(place) if place else ():
        same = each.get("discussion_id") == asked.get("discussion_id") and each.get("id") != asked.get("id") and _author(each) == bot
        made = reading.moment(each.get("created_time"))
        if same and _words(each.get("rich_text")) == words and not (since and made and made < since):
            return known_id(each.get("id")) or ""
    return ""


def _runs(accounts: Sequence[str], text: str) -> list[dict[str, Any]]:
    runs: list[dict[str, Any]] = []
    for account in accounts:
        if runs:
            runs.append({"type": "text", "text": {"content": " "}})
        runs.append({"type": "mention", "mention": {"type": "user", "user": {"id": normalise_id(account)}}})
    if runs:
        text = f" {text}"
    end = min(len(text), _LONGEST)
    return runs + [{"type": "text", "text": {"content": text[at : at + _LONGEST_RUN]}} for at in range(0, end, _LONGEST_RUN)]


def _words(runs: Any) -> str:
    """What some runs say, however they are cut; a mention counts by its id, since its shown name may change."""
    said = []
    for run in runs if isinstance(runs, list) else ():
        part = run.get(str(run.get("type"))) if isinstance(run, dict) else None
        part = part if isinstance(part, dict) else {}
        user = part.get("user")
        said.append(f"@{known_id(user.get('id'))}" if isinstance(user, dict) else str(part.get("content") or ""))
    return "".join(said)


def _author(comment: Mapping[str, Any]) -> str:
    author = comment.get("created_by")
    return (known_id(author.get("id")) or "") if isinstance(author, dict) else ""
