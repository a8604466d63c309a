"""Reads a dataset card as the Hugging Face Hub does, and as Markdown is rendered.

  card_oracle.py README.md    -> one JSON object: the head's values, headings, tables, code blocks
"""
import json
import sys

from huggingface_hub import DatasetCard
from markdown_it import MarkdownIt

card = DatasetCard.load(sys.argv[1])
tokens = MarkdownIt("commonmark").enable("table").parse(card.text)


def plain(inline):
    """The text a reader sees; anything but text inside (a link, html, emphasis) is told apart."""
    parts = []
    for child in inline.children:
        if child.type in ("text", "text_special"):
            parts.append(child.content)
        elif child.type == "code_inline":
            parts.append("`" + child.content + "`")
        elif child.type in ("softbreak", "hardbreak"):
            parts.append("\n")
        else:
            parts.append("<" + child.type + ">")
    return "".join(parts)


headings, rows, blocks, html = [], [], [], []
for at, token in enumerate(tokens):
    if token.type == "heading_open":
        headings.append([token.tag, plain(tokens[at + 1])])
    elif token.type == "tr_open":
        row = []
        for later in tokens[at + 1:]:
            if later.type == "tr_close":
                break
            if later.type == "inline":
                row.append(plain(later))
        rows.append(row)
    elif token.type == "fence":
        blocks.append([token.info, token.content])
    elif token.type == "html_block":
        html.append(token.content)
print(json.dumps({"head": card.data.to_dict(), "headings": headings, "rows": rows,
                  "blocks": blocks, "html": html}))
