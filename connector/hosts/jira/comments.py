"""Comments on issues: read one, mention a person, answer a command once.

Our answers carry a comment property that names the comment which they answer, so that an answer whose confirmation got lost is found
again instead of written twice. Who may read a comment may read its answer, nobody else. This module decides nothing about commands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any
from urllib.parse import quote

from connector.errors import Gone, Refused
from connector.hosts.base import JSON, Comment
from connector.hosts.jira.client import JiraClient
from connector.hosts.jira.fields import account_of, as_mapping, as_ref, as_sequence, as_text, document, read_moment
from connector.hosts.jira.panel import digest
from connector.hosts.jira.spoken import spoken_text

MARKER = "okr-connector"  # our comment property: {"instance", "connection"} with {"reply_to", "digest"} of an answer, else {"note"}
INTERNAL = "sd.public.comment"  # the property {"internal": true} of comments that customers of a service project do not see
PAGE = 100
CLOCKS = timedelta(minutes=5)  # by so much may the site's clock and ours differ
MOST_PAGES = 10  # of the newest comments that are looked through for a lost answer
_ADDRESS = re.compile(r"(https?://[\w./:%=&-]+)")
_MARKUP = re.compile(r"[\\{}\[\]!|*_^~#]|\?(?=\?)|(?<=\?)\?|(?<!\w)[-+]|[-+](?!\w)")


@dataclass(frozen=True, slots=True)
class Note:
    """A comment that answers nothing: our installation and connection, and what names it ("" for one that need not be found again)."""

    instance: str
    connection: str
    mark: str


@dataclass(frozen=True, slots=True)
class Answered:
    """The comment that an answer belongs to: our installation and connection, its id, and ``Comment.restricted``."""

    instance: str
    connection: str
    comment: str
    restricted: Mapping[str, JSON] | None = None


def fetch(client: JiraClient, ref: str, comment: str) -> Comment | None:
    """What one comment says, without what it quotes; None when it is gone."""
    more = {} if client.cloud else {"expand": "properties"}  # Data Center tells what is internal by the property alone
    try:
        data = as_mapping(client.get(f"{_path(ref)}/{quote(comment, safe='')}", more))
    except Gone:
        return None
    return Comment(
        as_ref(data.get("id")) or comment,
        account_of(data.get("author")),
        spoken_text(data.get("body")),
        read_moment(data.get("created")),
        account_of(data.get("updateAuthor")),
        read_moment(data.get("updated")),
        _restriction(data),
    )


def _restriction(data: Mapping[str, Any]) -> Mapping[str, JSON] | None:
    """Who reads a comment, where not everybody does: {"visibility"} as Jira takes it, {"internal": True} in a service project, or both.

    An empty visibility is one that we do not understand: nobody knows whom an answer could be shown to.
    """
    found: dict[str, JSON] = {}
    if data.get("visibility"):
        told = as_mapping(data["visibility"])
        named = {name: told[name] for name in ("identifier", "value") if isinstance(told.get(name), str) and told[name]}
        found["visibility"] = {"type": told["type"], **named} if told.get("type") in ("group", "role") and named else {}
    properties = {as_text(each.get("key")): as_mapping(each.get("value")) for each in map(as_mapping, as_sequence(data.get("properties")))}
    if data.get("jsdPublic") is False or properties.get(INTERNAL, {}).get("internal") is True:
        found["internal"] = True
    return found or None


def notify(
    client: JiraClient, ref: str, note: Note, accounts: Sequence[str], text: str, since: datetime | None = None
) -> Mapping[str, JSON]:
    """Mention people in a comment. Receipt: ``{"comment": id}``. May raise ``Uncertain``: the next call with ``since`` finds it.

    ``since``: our comments from that moment on are looked through for one that carries this mark.
    """
    if since is not None and note.mark and (found := _noted_before(client, ref, note, since - CLOCKS)):
        return {"comment": found}
    content: dict[str, Any] = {"body": _body(client, accounts, text)}
    if note.mark:
        value = {"instance": note.instance, "connection": note.connection, "note": note.mark}
        content["properties"] = [{"key": MARKER, "value": value}]
    answer = as_mapping(client.post(_path(ref), content))
    return {"comment": as_ref(answer.get("id"))}


def _noted_before(client: JiraClient, ref: str, note: Note, since: datetime) -> str:
    """The id of our comment with this mark, written after ``since``; "" when there is none."""
    me, sought = "", (note.instance, note.connection, note.mark)
    for entry in _newest(client, ref):
        made = read_moment(entry.get("created"))
        if made is not None and made < since:
            break
        me = me or account_of(client.get("myself"))
        if account_of(entry.get("author")) == me:
            value = _marked(client, as_ref(entry.get("id")))
            if (value.get("instance"), value.get("connection"), value.get("note")) == sought:
                return as_ref(entry.get("id"))
    return ""


def reply(
    client: JiraClient, ref: str, answered: Answered, account: str, text: str, receipt: Mapping[str, JSON], *, again: bool = True
) -> Mapping[str, JSON]:
    """Answer a comment; see ``Host.reply``. Receipt: ``{"comment": id of the answer, "digest"}``.

    Without a receipt the comments after it are looked through first when this is a repetition; an answer that a person deleted is written
    anew. Raises ``Gone`` when the issue is gone, ``Uncertain`` when the answer to a write got lost: the next call finds what was written.
    Reference: https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-comments
    """
    restricted = answered.restricted or {}
    wanted = digest([account, text, restricted] if restricted else [account, text])
    present = as_text(receipt.get("comment"))
    if present and receipt.get("digest") == wanted:
        return dict(receipt)
    content: dict[str, Any] = {"body": _body(client, [account] if account else [], text), "properties": [_mark(answered, wanted)]}
    if "visibility" in restricted:
        if not restricted["visibility"]:
            raise Refused("the comment is restricted in a way that an answer cannot take over", code="restricted")
        content["visibility"] = restricted["visibility"]
    if restricted.get("internal"):
        content["properties"].append({"key": INTERNAL, "value": {"internal": True}})
    if not present and again:
        present, shown = _written_before(client, ref, answered)
        if shown == wanted:
            return {"comment": present, "digest": wanted}
    if present:
        try:
            # notifyUsers is left alone: asking for silence takes more rights than the bot needs for anything else
            client.put(f"{_path(ref)}/{quote(present, safe='')}", content)
            return {"comment": present, "digest": wanted}
        except Gone:
            client.get(f"issue/{quote(ref, safe='')}", {"fields": "id"})  # raises Gone when it is the issue that is gone
            found, shown = _written_before(client, ref, answered) if again else ("", "")
            if shown == wanted:
                return {"comment": found, "digest": wanted}
    answer = as_mapping(_post_below(client, ref, answered.comment, content))
    return {"comment": as_ref(answer.get("id")), "digest": wanted}


def _mark(answered: Answered, shown: str) -> Mapping[str, Any]:
    value = {"instance": answered.instance, "connection": answered.connection, "reply_to": answered.comment, "digest": shown}
    return {"key": MARKER, "value": value}


def _post_below(client: JiraClient, ref: str, comment: str, content: Mapping[str, Any]) -> Any:
    """Write a comment, in the thread of ``comment`` where the site takes that.

    ``parentId`` is what Jira's own pages send; the published contract allows it as an unnamed key. A site that refuses it gets a
    comment of its own, which the mention ties to the asker.
    """
    if client.cloud and comment.isascii() and comment.isdigit():
        try:
            return client.post(_path(ref), {**content, "parentId": int(comment)})
        except Refused as error:
            if error.status != 400:
                raise
    return client.post(_path(ref), content)


def _written_before(client: JiraClient, ref: str, answered: Answered) -> tuple[str, str]:
    """(id of our answer, digest of what it says); both "" when there is none."""
    me, sought = "", (answered.instance, answered.connection, answered.comment)
    for other in _newer(client, ref, answered.comment):
        me = me or account_of(client.get("myself"))
        if account_of(other.get("author")) != me:
            continue
        ident = as_ref(other.get("id"))
        value = _marked(client, ident)
        if (value.get("instance"), value.get("connection"), as_ref(value.get("reply_to"))) == sought:
            return ident, as_text(value.get("digest"))
    return "", ""


def _marked(client: JiraClient, comment: str) -> Mapping[str, Any]:
    """What our comment property says at a comment, {} where it has none."""
    try:
        return as_mapping(as_mapping(client.get(f"comment/{quote(comment, safe='')}/properties/{MARKER}")).get("value"))
    except Gone:
        return {}


def _newer(client: JiraClient, ref: str, comment: str) -> Iterator[Mapping[str, Any]]:
    """The comments written after ``comment``, the newest first."""
    return takewhile(lambda entry: not _is_at_or_before(as_ref(entry.get("id")), comment), _newest(client, ref))


def _newest(client: JiraClient, ref: str) -> Iterator[Mapping[str, Any]]:
    """The comments of an issue, the newest first."""
    seen = 0
    for _ in range(MOST_PAGES):
        answer = as_mapping(client.get(_path(ref), {"startAt": seen, "maxResults": PAGE, "orderBy": "-created"}))
        found = [as_mapping(entry) for entry in as_sequence(answer.get("comments"))]
        yield from found
        seen += len(found)
        total = answer.get("total")
        if not found or (isinstance(total, int) and seen >= total):
            return


def _is_at_or_before(ident: str, comment: str) -> bool:
    """Ids of comments grow; of two that are no numbers only equal ones are told apart."""
    return int(ident) <= int(comment) if ident.isdecimal() and comment.isdecimal() else ident == comment


def _body(client: JiraClient, accounts: Sequence[str], text: str) -> Any:
    if client.cloud:
        return document(text, accounts)
    return " ".join([*(f"[~{account}]" for account in accounts), _plain(text)])


def _plain(text: str) -> str:
    """Text that Data Center's wiki markup shows as it is; addresses stay links.

    Reference: https://jira.atlassian.com/secure/WikiRendererHelpAction.jspa?section=miscellaneous
    """
    parts = _ADDRESS.split(text)
    return "".join(part if number % 2 else _MARKUP.sub(_escaped, part) for number, part in enumerate(parts))


def _escaped(sign: re.Match[str]) -> str:
    return "&#92;" if sign[0] == "\\" else f"\\{sign[0]}"  # two backslashes would end the line


def _path(ref: str) -> str:
    return f"issue/{quote(ref, safe='')}/comment"
