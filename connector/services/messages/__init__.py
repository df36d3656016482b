"""Messages to people: noted in the database first, sent at most once each by workers, by mail, chat room or comment in a host."""

from connector.services.messages.outgoing import tell_forum, tell_item, tell_person

__all__ = ["tell_forum", "tell_item", "tell_person"]
