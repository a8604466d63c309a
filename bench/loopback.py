"""The servers that stand in for a fleet: `tpt mock-server`, and nginx with one fixed answer as a
second opinion that is not ours.
"""
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from measuring import on_core


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A server process on loopback; `url` is what clients are given. Used in a `with`."""

    def __init__(self, command, port, log, environment=None):
        self.command, self.port, self.log = command, port, Path(log)
        self.environment = {**os.environ, **(environment or {})}
        self.url = f"http://127.0.0.1:{port}/v1"
        self.child = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen([str(part) for part in self.command], stdout=log, stderr=log,
                                          stdin=subprocess.DEVNULL, env=self.environment)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.child.poll() is not None:
                break
            try:
                with urllib.request.urlopen(f"{self.url}/models", timeout=2):
                    return
            except (OSError, http.client.HTTPException):
                time.sleep(0.02)
        self.stop()
        sys.exit(f"{self.command[0]} did not come up:\n{self.log.read_text(errors='replace')[-2000:]}")

    def stop(self, number=signal.SIGTERM):
        if self.child and self.child.poll() is None:
            self.child.send_signal(number)
            try:
                self.child.wait(10)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
        self.child = None


class Mock(Server):
    """`tpt mock-server`. Options as it names them: Mock(program, folder, answer_bytes=4096)."""

    def __init__(self, program, folder, core=None, port=None, **options):
        port = port or free_port()
        command = [program, "mock-server", "--listen", f"127.0.0.1:{port}"]
        for name, value in options.items():
            command += [f"--{name.replace('_', '-')}", str(value)]
        if core is not None:
            command = on_core(core, command)
        super().__init__(command, port, Path(folder) / f"mock-{port}.log")

    def statistics(self):
        """What it counted since it was started."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/mock/stats", timeout=10) as answer:
            return json.load(answer)


NGINX = """
worker_processes 1; daemon off; error_log {folder}/nginx-error.log; pid {folder}/nginx.pid;
worker_rlimit_nofile 70000;
events {{ worker_connections 60000; }}
http {{
  access_log off; keepalive_requests 100000000; keepalive_timeout 600s; client_body_buffer_size 64k;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s; open_file_cache max=10 inactive=1h;
  server {{
    listen 127.0.0.1:{port} backlog=65535; root {folder}; default_type application/json;
    location /v1/chat/completions {{ error_page 405 =200 /answer.json; return 405; }}
    location / {{ }}
  }}
}}
"""


class Nginx(Server):
    """A static answer of `answer_bytes` to every chat completion."""

    def __init__(self, folder, answer_bytes, core=None):
        folder, port = Path(folder).resolve(), free_port()
        (folder / "v1").mkdir(parents=True, exist_ok=True)
        text = ("The passage asks what happens when a river meets stone. " * 2000)[:answer_bytes]
        (folder / "answer.json").write_text(json.dumps({
            "id": "static", "object": "chat.completion", "created": 1, "model": "mock",
            "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
            "usage": {"prompt_tokens": 256, "completion_tokens": 1024, "total_tokens": 1280}}))
        (folder / "v1" / "models").write_text(json.dumps(
            {"object": "list", "data": [{"id": "mock", "object": "model", "created": 1, "owned_by": "bench"}]}))
        (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port))
        command = ["/usr/sbin/nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")]
        super().__init__(on_core(core, command) if core is not None else command, port, folder / "nginx.log")
