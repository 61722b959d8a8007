"""Logged series and tables as text: one reader for every command (docs/log-files.md).

``text_form``    bytes -> header and rows: encoding, delimiter, decimal mark
``cells``        a cell as a number, a time or a flag
``series``       readings of one shot over ``time_s``
``shot_table``   a row a shot: ids are texts, known columns are numbers

Generous about form, strict about meaning: what can be read in two ways is refused.
"""
