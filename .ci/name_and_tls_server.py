"""A name server that knows one name, and an HTTPS server under it: what the image is tried against.

Called as ADDRESS NAME FOLDER. Into FOLDER it writes authority.pem (who signed the server's certificate), requests
(a line for each) and, once both servers listen, ready.
"""

import http.server
import pathlib
import socket
import ssl
import struct
import subprocess
import sys
import threading

address, name, folder = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
authority, certificate, key = folder / "authority.pem", folder / "certificate.pem", folder / "key.pem"


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, stderr=subprocess.DEVNULL)


NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
openssl("req", "-x509", *NEW_KEY, "-days", "2", "-subj", "/CN=An authority of this test", "-addext",
        "basicConstraints=critical,CA:TRUE", "-keyout", folder / "authority-key.pem", "-out", authority)
openssl("req", *NEW_KEY, "-subj", "/CN=" + name, "-keyout", key, "-out", folder / "request.pem")
(folder / "extensions").write_text(f"subjectAltName=DNS:{name}\nbasicConstraints=critical,CA:FALSE\n")
openssl("x509", "-req", "-in", folder / "request.pem", "-CA", authority, "-CAkey", folder / "authority-key.pem",
        "-CAcreateserial", "-days", "2", "-extfile", folder / "extensions", "-out", certificate)


def answer(query):
    """The address for an A query of the name, nothing for other types of it, no such name for others (RFC 1035)."""
    end = query.index(b"\0", 12)
    labels, at = [], 12
    while at < end:
        labels.append(query[at + 1 : at + 1 + query[at]].decode())
        at += query[at] + 1
    kind = struct.unpack("!H", query[end + 1 : end + 3])[0]
    known = ".".join(labels).lower() == name
    found = known and kind == 1
    head = query[:2] + struct.pack("!HHHHH", 0x8180 if known else 0x8183, 1, int(found), 0, 0)
    record = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 4) + socket.inet_aton(address) if found else b""
    return head + query[12 : end + 5] + record


def names(listening):
    while True:
        query, peer = listening.recvfrom(512)
        listening.sendto(answer(query), peer)


class Hook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        with open(folder / "requests", "a") as requests:
            requests.write(f"{self.command} {self.path}\n")
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        pass


listening = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
listening.bind((address, 53))
threading.Thread(target=names, args=(listening,), daemon=True).start()
server = http.server.ThreadingHTTPServer((address, 8443), Hook)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
server.socket = context.wrap_socket(server.socket, server_side=True)
(folder / "ready").touch()
server.serve_forever()
