"""Reads a page, and prints its text: each element that is opened is closed in its turn, and nothing is
loaded or run."""
import sys
from html.parser import HTMLParser

NEVER_CLOSED = ("meta", "br", "hr", "img", "input", "col", "wbr")

class Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.text = [], []

    def handle_startendtag(self, tag, attributes):
        assert tag not in ("script", "iframe", "object", "embed", "link", "base"), tag
        for name, value in attributes:
            assert not name.startswith("on") and name not in ("src", "srcset"), name
            assert name not in ("href", "xlink:href") or value.startswith("#"), value

    def handle_starttag(self, tag, attributes):
        self.handle_startendtag(tag, attributes)
        if tag not in NEVER_CLOSED:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, (tag, self.open, self.getpos())
        self.open.pop()

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text.append(data)

page = Page()
page.feed(open(sys.argv[1], encoding="utf-8").read())
page.close()
assert page.open == [], page.open
sys.stdout.buffer.write("".join(page.text).encode())
