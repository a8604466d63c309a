"""What stands on the screen of a terminal after each of some writes.

  screen_oracle.py STEPS.json    -> one JSON list, an entry a step

STEPS.json: [{"resize": [columns, rows]} or {"feed": text}...], the first a resize. An entry holds
the lines of the screen, the cursor's column and row, and whether the cursor is hidden.
"""
import json
import sys

import pyte

screen = stream = None
shown = []
for step in json.load(open(sys.argv[1], encoding="utf-8")):
    if "resize" in step:
        columns, rows = step["resize"]
        if screen is None:
            screen = pyte.Screen(columns, rows)
            stream = pyte.Stream(screen)
        else:
            screen.resize(rows, columns)
    else:
        stream.feed(step["feed"])
    coloured = sum(cell.fg != "default" for line in screen.buffer.values() for cell in line.values())
    shown.append({"lines": [line.rstrip() for line in screen.display],
                  "cursor": [screen.cursor.x, screen.cursor.y],
                  "hidden": screen.cursor.hidden, "coloured": coloured})
print(json.dumps(shown))
