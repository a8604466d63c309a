"""An HTTPS server, and a proxy that lets clients CONNECT, for the tests of the HTTP client.

  tls_server.py CERTIFICATE KEY: prints "TLS_PORT PROXY_PORT", then serves until its input ends.

Every POST is answered with its own body; the proxy counts its tunnels in GET /tunnels.
"""
import asyncio
import ssl
import sys

tunnels = 0


async def read_head(reader):
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
    return lines[0].split(" "), headers


async def serve(reader, writer):
    try:
        while True:
            _, headers = await read_head(reader)
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            await writer.drain()
    except (asyncio.IncompleteReadError, OSError):
        pass
    finally:
        writer.close()


async def copy(reader, writer):
    try:
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


async def proxy(reader, writer):
    global tunnels
    try:
        request, _ = await read_head(reader)
    except (asyncio.IncompleteReadError, OSError):
        writer.close()
        return
    if request[0] != "CONNECT":
        text = str(tunnels).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(text) + text)
        writer.close()
        return
    tunnels += 1
    host, port = request[1].rsplit(":", 1)
    far_reader, far_writer = await asyncio.open_connection("127.0.0.1", int(port))
    writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
    await asyncio.gather(copy(reader, far_writer), copy(far_reader, writer))


async def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1], sys.argv[2])
    tls = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    tunnel = await asyncio.start_server(proxy, "127.0.0.1", 0)
    print(*(s.sockets[0].getsockname()[1] for s in (tls, tunnel)), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main())
