"""A name server on this machine: real messages over UDP, answers from a table."""

from __future__ import annotations

import socketserver
import threading
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rrset


class NameServer:
    """Answers TXT questions from `records` (name → record lines, `CNAME target` or `TXT "text"`), NXDOMAIN for other
    names, SERVFAIL for those in `broken`."""

    def __init__(self) -> None:
        self.records: dict[str, list[str]] = {}
        self.broken: set[str] = set()
        self.asked: list[str] = []
        outer = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                data, channel = self.request
                channel.sendto(outer._answer(data), self.client_address)

        self._server = socketserver.ThreadingUDPServer(("127.0.0.1", 0), Handler)
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def _answer(self, data: bytes) -> bytes:
        question = dns.message.from_wire(data)
        answer: Any = dns.message.make_response(question)
        answer.flags |= dns.flags.RA
        name = question.question[0].name.to_text().rstrip(".")
        self.asked.append(name)
        if name in self.broken:
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif name not in self.records:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        while name in self.records:
            target = ""
            for line in self.records[name]:
                kind, _, value = line.partition(" ")
                answer.answer.append(dns.rrset.from_text(f"{name}.", 60, "IN", kind, value))
                target = value.rstrip(".") if kind == "CNAME" else ""
            name = target
        return bytes(answer.to_wire())

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
