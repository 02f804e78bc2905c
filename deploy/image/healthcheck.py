"""Whether what runs here is well: exit code 0 or 1.

`healthcheck.py STATE_FOLDER` asks the daemon over its control socket, `healthcheck.py HOST:PORT` an analytics
process that runs without a daemon. It imports nothing but sockets: a container is asked every half minute, and the
whole command would cost more than an idle bridge.
"""

import socket
import sys

where = sys.argv[1]
host, _, port = where.rpartition(":")
over_network = port.isdecimal()
request = "GET" if over_network else "POST"
with socket.socket(socket.AF_INET if over_network else socket.AF_UNIX) as asked:
    asked.settimeout(4)
    try:
        asked.connect((host, int(port)) if over_network else f"{where}/control.sock")
        asked.sendall(
            f"{request} /health HTTP/1.1\r\nHost: bridge\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
        )
        head, _, body = asked.makefile("rb").read().decode().partition("\r\n\r\n")
    except OSError as error:
        sys.exit(f"nothing answers on {where}: {error.strerror or error}")
if " 200 " not in head.partition("\r\n")[0]:
    sys.exit(body)
