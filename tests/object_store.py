"""An S3 server for the tests (moto's, in a process of its own), with faults on demand, and boto3 as the outside client.

  object_store.py serve PORT_FILE          serves until killed; AUTH=1: keys are checked as IAM does
  object_store.py client ENDPOINT SCRIPT   runs Python with `s3` (boto3), `fs` (pyarrow) and `json`

POST /_control takes {"fault": NAME, "times": N, "method": M, "match": TEXT, "skip": K}: N requests of that method
whose path holds the text meet the fault, after K that do not: slow_down, reset, cut, or hold (waits a second, then
serves). {"fill": [BUCKET, PREFIX, COUNT]} makes many small objects. GET /_control counts the requests by method.
"""
import io
import json
import os
import socket
import struct
import sys
import threading
import time

SLOW_DOWN = b'<?xml version="1.0"?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>'


class Faults:
    def __init__(self, application):
        self.application = application
        self.lock = threading.Lock()
        self.faults = []
        self.counts = {}

    def control(self, environ, start):
        if environ["REQUEST_METHOD"] == "POST":
            order = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
            if "fill" in order:
                fill(*order["fill"])
            elif "fault" in order:
                with self.lock:
                    self.faults.append(order)
            else:
                with self.lock:
                    self.faults, self.counts = [], {}
        body = json.dumps(self.counts).encode()
        start("200 OK", [("Content-Length", str(len(body)))])
        return [body]

    def fault_of(self, environ):
        with self.lock:
            method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"] + "?" + environ.get("QUERY_STRING", "")
            self.counts[method] = self.counts.get(method, 0) + 1
            for fault in self.faults:
                if fault.get("method", method) != method or fault.get("match", "") not in path or fault["times"] == 0:
                    continue
                if fault.get("skip", 0) > 0:
                    fault["skip"] -= 1
                    continue
                fault["times"] -= 1
                return fault["fault"]
        return None

    def __call__(self, environ, start):
        if environ["PATH_INFO"] == "/_control":
            return self.control(environ, start)
        fault = self.fault_of(environ)
        connection = environ["werkzeug.socket"]
        if fault == "slow_down":
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            start("503 Slow Down", [("Content-Type", "application/xml"), ("Content-Length", str(len(SLOW_DOWN)))])
            return [b"" if environ["REQUEST_METHOD"] == "HEAD" else SLOW_DOWN]
        if fault == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
            return []
        if fault == "hold":
            time.sleep(1)
        answer = self.application(environ, start)
        if fault == "cut":
            return cut(answer, connection)
        return answer


def cut(answer, connection):
    body = b"".join(answer)
    yield body[:len(body) // 2]
    connection.shutdown(socket.SHUT_RDWR)


def fill(bucket, prefix, count):
    from moto.s3.models import s3_backends
    backend = s3_backends["123456789012"]["aws"]
    for number in range(count):
        backend.put_object(bucket, f"{prefix}{number:05}.txt", str(number).encode())


def serve(port_file):
    if os.environ.get("AUTH"):
        os.environ["INITIAL_NO_AUTH_ACTION_COUNT"] = "0"
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        protocol_version = "HTTP/1.1"

        def log(self, *_arguments):
            pass

    server = make_server("127.0.0.1", 0, Faults(DomainDispatcherApplication(create_backend_app)), threaded=True,
                         request_handler=Quiet)
    with open(port_file + ".partial", "w") as file:
        file.write(str(server.port))
    os.rename(port_file + ".partial", port_file)
    server.serve_forever()


def client(endpoint, script):
    import boto3
    from pyarrow import fs
    s3 = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
    files = fs.S3FileSystem(endpoint_override=endpoint.removeprefix("http://"), scheme="http", region="us-east-1")
    exec(script, {"s3": s3, "fs": files, "json": json, "io": io, "sys": sys})


if __name__ == "__main__":
    {"serve": serve, "client": client}[sys.argv[1]](*sys.argv[2:])
