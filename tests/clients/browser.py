#!/usr/bin/env python3
"""browser.py DECISION FEEDBACK LOG ADDRESS: a browser without a screen, which the client starts. It opens the
address, reads and sends the form of the decision, and logs what it saw."""

import html
import http.cookiejar
import json
import re
import sys
import time
import urllib.parse
import urllib.request

decision, feedback, log, address = sys.argv[1:5]
host = urllib.parse.urlsplit(address).netloc
browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))


def ask(address, fields=None):
    headers = {"Sec-Fetch-Site": "same-origin" if fields else "none"}
    if fields:
        headers["Origin"] = "http://" + host
    data = urllib.parse.urlencode(fields).encode() if fields else None
    with browser.open(urllib.request.Request(address, data, headers)) as reply:
        return reply.geturl(), reply.status, reply.read().decode()


where, status, page = ask(address)
# The first page sets a SameSite=Strict cookie and refreshes itself. A browser does not send such a cookie
# with a request that another site starts.
onward = re.search(r'<meta http-equiv="refresh" content="0;\s*url=([^"]+)"', page)
where, status, page = ask(urllib.parse.urljoin(where, html.unescape(onward[1])))
hidden = dict(re.findall(r'<input type="hidden" name="(request|digest|nonce)" value="([^"]*)"', page))
fields = {name: html.unescape(value) for name, value in hidden.items()}
fields |= {"decision": decision, "feedback": feedback}
action = re.search(r'<form class="bar" id="form" method="post" action="([^"]+)"', page)[1]
sent = time.time()
after, status, _ = ask(urllib.parse.urljoin(where, action), fields)
with open(log, "a", encoding="utf-8") as f:
    f.write(json.dumps({"address": address, "page": where, "shown": page, "sent": sent, "status": status}) + "\n")
