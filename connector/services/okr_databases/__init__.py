"""OKR databases at a host, kept in step both ways: set-up, reading rows, merging edits, writing what is computed.

``records`` finds databases and rows · ``setting_up`` makes them, ``adopting`` takes over those of people (``guessing``, ``trying_out``) ·
``importing`` reads them whole, ``nightly`` every night · ``newcomers`` takes over new rows, some at a time · ``drafts`` keeps rows that
stand for nothing yet, finds their record (``matching``) or makes it (``row_reading``, ``bringing``) · ``faces`` wants rows for records ·
``overview`` and ``examining`` tell admins · ``noting`` hears of changes · ``working`` reads and writes the rows that wait · ``taking``
takes over what people edited · ``showing`` asks for rows to be written.
"""
