"""Updates typed into a key result's row: gathered while somebody types, filed as one check-in, amended for some minutes.

``typing`` notes what was typed and by whom · ``settling`` files it · ``rows`` makes the rows of the Check-ins and Decisions databases.
"""

from connector.services.row_check_ins.settling import settle_due, settles_at
from connector.services.row_check_ins.typing import note_pressed, note_typed

__all__ = ["note_pressed", "note_typed", "settle_due", "settles_at"]
