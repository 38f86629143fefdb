"""
UDP with any source address, from a raw socket. Each line of standard input is a job in JSON, answered by one line:
{"from": [address, port], "to": [address, port], "data": [hex, …], "times": n}   sends all of data, n times over
A job with "sources": n comes from n addresses in turn, counted up from the one that is given; with "ports": n from n
ports. With "perSecond" it keeps that pace.
"""
import ipaddress
import json
import socket
import struct
import sys
import time

UDP = 17
PACE_SECONDS = 0.01

def checksum(data):
    padded = data + b"\0" * (len(data) % 2)
    total = sum(struct.unpack("!%dH" % (len(padded) // 2), padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF

def datagram(source, target, source_port, target_port, data):
    length = 8 + len(data)
    header = struct.pack("!HHHH", source_port, target_port, length, 0)
    if source.version == 4:
        # RFC 768: no checksum. The kernel fills in length, identification and the header's own checksum.
        return struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, 0, 0, 64, UDP, 0) + source.packed + target.packed + header + data
    pseudo = source.packed + target.packed + struct.pack("!II", length, UDP)
    summed = checksum(pseudo + header + data) or 0xFFFF
    udp = struct.pack("!HHHH", source_port, target_port, length, summed) + data
    return struct.pack("!IHBB", 0x60000000, length, UDP, 64) + source.packed + target.packed + udp

raw4 = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
raw6 = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW)

def packets(job):
    source, target = ipaddress.ip_address(job["from"][0]), ipaddress.ip_address(job["to"][0])
    chunks = [bytes.fromhex(text) for text in job["data"]]
    for turn in range(job.get("times", 1)):
        address = source + turn % job.get("sources", 1)
        port = job["from"][1] + turn % job.get("ports", 1)
        for chunk in chunks:
            yield datagram(address, target, port, job["to"][1], chunk)

def work(job):
    address = job["to"][0]
    raw = raw6 if ":" in address else raw4
    pace = job.get("perSecond")
    begin, sent = time.monotonic(), 0
    for packet in packets(job):
        try:
            raw.sendto(packet, (address, 0))
        except (BlockingIOError, OSError):
            # Its own queue is full: that packet is not sent.
            continue
        sent += 1
        if pace and sent > pace * (time.monotonic() - begin):
            time.sleep(PACE_SECONDS)
    return {"sent": sent, "millis": round(1000 * (time.monotonic() - begin))}

print(json.dumps("ready"), flush=True)
for line in sys.stdin:
    print(json.dumps(work(json.loads(line))), flush=True)
