"""Whether the daemon on a state folder is well: exit code 0 or 1. Asks over the control socket.

It imports nothing but sockets: a container is asked every half minute, and the whole command would cost more
than an idle bridge.
"""

import socket
import sys

with socket.socket(socket.AF_UNIX) as asked:
    asked.settimeout(4)
    try:
        asked.connect(f"{sys.argv[1]}/control.sock")
        asked.sendall(
            b"POST /health HTTP/1.1\r\nHost: bridge\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )
        head, _, body = asked.makefile("rb").read().decode().partition("\r\n\r\n")
    except OSError as error:
        sys.exit(f"no bridge answers on {sys.argv[1]}: {error.strerror or error}")
if " 200 " not in head.partition("\r\n")[0]:
    sys.exit(body)
