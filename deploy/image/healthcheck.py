"""Whether the daemon on a state folder is well: exit code 0 or 1. Asks /healthz over the control socket.

It imports nothing but sockets: a container is asked every half minute, and the whole command would cost more
than an idle bridge.
"""

import socket
import sys

with socket.socket(socket.AF_UNIX) as asked:
    asked.settimeout(4)
    try:
        asked.connect(f"{sys.argv[1]}/control.sock")
        asked.sendall(b"GET /healthz HTTP/1.0\r\nHost: bridge\r\n\r\n")
        answer = asked.recv(4096).decode("latin-1")
    except OSError as error:
        sys.exit(f"no bridge answers on {sys.argv[1]}: {error.strerror or error}")
if " 200 " not in answer.partition("\r\n")[0]:
    sys.exit(answer.partition("\r\n\r\n")[2] or answer)
