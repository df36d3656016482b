"""Updates typed into a key result's row: gathered while somebody types, filed as one check-in, amended for some minutes.

``updates`` is what waits at a row · ``typing`` notes what was typed and by whom · ``settling`` files it · ``standing`` is what rows show of
updates, wherever they were filed · ``rows`` gives the rows of the Check-ins and Decisions databases · ``decisions`` takes decisions over.

Imports nothing here: the roll-up needs ``standing``, and ``settling`` needs the roll-up.
"""
