"""Panels: where key results are shown in hosts, what is shown there, and the writing of it.

``placing`` says which places there are and asks for them to be written · ``building`` says what one shows · ``writing`` writes those that
are due, ``turns`` says which first · ``embedding`` gives out, renews and revokes the addresses of our live page.
"""

from connector.services.panels.building import build, describe_key_result
from connector.services.panels.placing import LONGEST, QUIET, REST, place, place_rows, want_again
from connector.services.panels.turns import is_behind
from connector.services.panels.writing import write_due

__all__ = ["LONGEST", "QUIET", "REST", "build", "describe_key_result", "is_behind", "place", "place_rows", "want_again", "write_due"]
