"""OKR databases at a host, kept in step both ways: set-up, reading rows, merging edits, writing what is computed.

``records`` finds databases and rows · ``setting_up`` makes or adopts them · ``importing`` reads them whole · ``noting`` hears of changes ·
``working`` reads and writes the rows that wait · ``taking`` takes over what people edited · ``showing`` asks for rows to be written.
"""
