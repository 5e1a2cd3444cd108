"""Letters that wait in RabbitMQ: POST / adds one, GET / counts them. Nobody fetches them here."""

import json
import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pika

QUEUE = "letters"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/health":
            self._answer(200, {})
            return
        with pika.BlockingConnection(PARAMETERS) as connection:
            declared = connection.channel().queue_declare(QUEUE, durable=True)
        self._answer(200, {"letters": declared.method.message_count})

    def do_POST(self) -> None:
        text = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with pika.BlockingConnection(PARAMETERS) as connection:
            channel = connection.channel()
            channel.confirm_delivery()
            channel.queue_declare(QUEUE, durable=True)
            kept = pika.BasicProperties(delivery_mode=pika.DeliveryMode.Persistent)
            channel.basic_publish("", QUEUE, text, kept, mandatory=True)
        self._answer(201, {"letter": text.decode()})

    def _answer(self, status: int, body: object) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())


PARAMETERS = pika.URLParameters(os.environ["BROKER_URL"])
# ends when there is no broker yet, and is started again
pika.BlockingConnection(PARAMETERS).close()
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
ThreadingHTTPServer(("", 8001), Handler).serve_forever()
